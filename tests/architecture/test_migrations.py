"""The migrations are all there."""

from django.core.management import call_command


def test_no_migration_is_missing(database: None) -> None:
    """Fails, naming the change, when a model differs from what the migrations make."""
    call_command("makemigrations", check=True, dry_run=True)
