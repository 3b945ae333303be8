"""The import contracts that `make check` proves cover the whole house."""

import tomllib

from tests.docs.reading import PACKAGES, ROOT

CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]


def test_the_contracts_see_every_package() -> None:
    assert sorted(CONFIG["root_packages"]) == sorted(PACKAGES)


def test_the_records_stand_on_floors() -> None:
    (floors,) = (each for each in CONFIG["contracts"] if each["name"].startswith("Floors"))
    listed = " ".join(floors["layers"])
    for module in ("jobs.engine", "jobs.models", "ledger.models", "signals_app.waits", "aetheris.core"):
        assert module in listed


def test_make_check_runs_them() -> None:
    assert "lint-imports" in (ROOT / "Makefile").read_text()
