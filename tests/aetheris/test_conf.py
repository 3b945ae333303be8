"""Settings that would weaken an installation stop the process, by their names."""

import pytest
from pydantic import ValidationError

from aetheris.conf import Configuration


@pytest.mark.parametrize("hosts", ["*", "example.com,*"])
def test_a_web_process_that_answers_to_every_name_does_not_start(hosts: str) -> None:
    with pytest.raises(ValidationError, match="AETHERIS_ALLOWED_HOSTS names every host"):
        Configuration(allowed_hosts=hosts)
    assert Configuration(allowed_hosts=hosts, debug=True).allowed_hosts == hosts


def test_what_is_wrong_with_one_setting_shows_no_other() -> None:
    with pytest.raises(ValidationError) as refused:
        Configuration(allowed_hosts="*", secret_key="a key that nobody may read")
    assert "a key" not in str(refused.value)


def test_all_of_a_domain_may_be_named() -> None:
    assert Configuration(allowed_hosts=".example.com").allowed_hosts == ".example.com"
