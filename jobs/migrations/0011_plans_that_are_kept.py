"""How statements are planned for the role of Aetheris: a setting of the role holds for every session that begins after
this, also for those of PgBouncer."""

from django.db import migrations

# A prepared statement is planned once a connection, and anew only after its tables have changed or been analysed. By
# itself PostgreSQL would plan many of them at each use, once tables have grown: the plans of its first uses were made
# when they were small, and seem cheaper ever after. And a plan that is kept must be good for what its tables become: of
# a table of a few pages PostgreSQL would read the whole, and go on so with a hundred thousand rows. Where no index helps
# it still reads the whole, and what it takes such a plan to cost is no reason to compile it.
SETTINGS = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off", "jit": "off"}


def of_role(change: str) -> str:
    """An ALTER ROLE in this database."""
    return f"""DO $$ BEGIN
        EXECUTE format('ALTER ROLE CURRENT_USER IN DATABASE %I {change}', current_database());
    END $$"""


class Migration(migrations.Migration):
    dependencies = [("jobs", "0010_jobs_have_room")]

    operations = [
        migrations.RunSQL(of_role(f"SET {name} = {value}"), of_role(f"RESET {name}")) for name, value in SETTINGS.items()
    ]
