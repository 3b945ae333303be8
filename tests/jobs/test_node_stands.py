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


def is_sound(state: str, ending: str, has_token: bool, has_expiry: bool, has_ended: bool) -> bool:
    if state not in NodeState.values:
        return False
    is_leased = state == NodeState.RUNNING
    return (
        ending in ENDINGS.get(NodeState(state), {""})
        and (has_token, has_expiry) == (is_leased, is_leased)
        and has_ended == (state in NODE_ENDINGS)
    )


def stands(state: str, ending: str, has_token: bool, has_expiry: bool, has_ended: bool) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT aetheris_node_stands(
                %s, %s, CASE WHEN %s THEN gen_random_uuid() END, CASE WHEN %s THEN now() END,
                CASE WHEN %s THEN now() END)
            """,
            [state, ending, has_token, has_expiry, has_ended],
        )
        (told,) = cursor.fetchone() or (False,)
    return bool(told)


@pytest.mark.parametrize("state", [*NodeState.values, "asleep", ""])
def test_every_way_a_node_could_stand(state: str) -> None:
    sound = 0
    for ending in ("", *map(str, Ending.values), "else"):
        for token, expiry, ended in itertools.product([False, True], repeat=3):
            expected = is_sound(state, ending, token, expiry, ended)
            assert stands(state, ending, token, expiry, ended) == expected, (state, ending, token, expiry, ended)
            sound += expected
    assert bool(sound) == (state in NodeState.values)
