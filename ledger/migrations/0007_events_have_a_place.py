"""Events get a place in one order for readers of many jobs."""

from django.db import migrations, models

# A transaction may take its id long before it locks a job, and so write an event behind one of a later transaction: the
# greatest id of the job's events so far keeps them in their order. Rows of the same statement are seen here.
PLACE = """
CREATE FUNCTION aetheris_place_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.placed := greatest(NEW.txid, (SELECT before.placed FROM ledger_event AS before
                                       WHERE before.job_id = NEW.job_id AND before.seq = NEW.seq - 1));
    RETURN NEW;
END $$;

CREATE TRIGGER event_placed BEFORE INSERT ON ledger_event
    FOR EACH ROW EXECUTE FUNCTION aetheris_place_event();
"""
UNDO = """
DROP TRIGGER event_placed ON ledger_event;
DROP FUNCTION aetheris_place_event();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0006_a_graph_in_one_statement'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='event',
            name='event_feed',
        ),
        migrations.AddField(
            model_name='event',
            name='placed',
            field=models.BigIntegerField(db_default=0),
        ),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(fields=['tenant', 'placed'], name='event_feed'),
        ),
        migrations.RunSQL(PLACE, UNDO),
    ]
