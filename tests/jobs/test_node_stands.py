"""How a node may stand, as the database sees it: every combination, against what `jobs.states` says."""

import itertools

import pytest
from django.db import connection

from jobs.states import NODE_ENDINGS, Ending, NodeState

pytestmark = pytest.mark.django_db
ENDINGS = {
    NodeState.COMPLETED: {Ending.SUCCESS, Ending.REFUSED},
    NodeState.FAILED: {Ending.ERROR, Ending.TIMEOUT},
}


def is_sound(state: str, ending: str, has_token: object, has_expiry: object, has_ended: object) -> bool:
    if state not in NodeState.values:
        return False
    is_leased = state == NodeState.RUNNING
    return (
        ending in ENDINGS.get(NodeState(state), {""})
        and (has_token, has_expiry) == (is_leased, is_leased)
        and has_ended == (state in NODE_ENDINGS)
    )


@pytest.mark.parametrize("state", [*NodeState.values, "asleep", ""])
def test_every_way_a_node_could_stand(state: str) -> None:
    told = {}
    with connection.cursor() as cursor:
        leases = itertools.product([False, True], repeat=3)
        for ending, lease in itertools.product(["", *Ending.values, "else"], leases):
            stands = (ending, *lease)
            cursor.execute(
                """
                SELECT aetheris_node_stands(
                    %s, %s, CASE WHEN %s THEN gen_random_uuid() END, CASE WHEN %s THEN now() END,
                    CASE WHEN %s THEN now() END)
                """,
                [state, *stands],
            )
            row = cursor.fetchone()
            told[stands] = row and row[0]
    assert told == {stands: is_sound(state, *stands) for stands in told}
    assert any(told.values()) == (state in NodeState.values)
