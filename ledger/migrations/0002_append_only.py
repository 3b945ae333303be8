"""Events are appended by one function and changed by nobody; settled entries stay as they are."""

from django.db import migrations

# hash = SHA-256 over length-prefixed fields: tag, tenant, job, seq, type, category, actor, node, span,
# microseconds since 1970, SHA-256(nonce || payload), hash of the event before. `ledger.proof` computes the same.
APPEND = """
CREATE FUNCTION aetheris_prefixed(field bytea) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
$$ SELECT int4send(length(field)) || field $$;

CREATE FUNCTION aetheris_append_events(
    p_job uuid, p_types text[], p_categories text[], p_actors text[], p_nodes text[], p_spans text[],
    p_payloads text[], p_nonces bytea[], OUT seq bigint, OUT head bytea
) LANGUAGE plpgsql AS $$
DECLARE
    v_tenant text;
    v_at timestamptz;
    v_payload_digest bytea;
BEGIN
    SELECT job.tenant, job.seq, job.head INTO STRICT v_tenant, seq, head
      FROM jobs_job AS job WHERE job.id = p_job FOR NO KEY UPDATE;
    FOR i IN 1 .. coalesce(cardinality(p_types), 0) LOOP
        seq := seq + 1;
        v_at := aetheris_now();
        v_payload_digest := sha256(p_nonces[i] || convert_to(p_payloads[i], 'UTF8'));
        head := sha256(
            aetheris_prefixed('aetheris.event.v1'::bytea)
            || aetheris_prefixed(convert_to(v_tenant, 'UTF8'))
            || aetheris_prefixed(uuid_send(p_job))
            || aetheris_prefixed(int8send(seq))
            || aetheris_prefixed(convert_to(p_types[i], 'UTF8'))
            || aetheris_prefixed(convert_to(p_categories[i], 'UTF8'))
            || aetheris_prefixed(convert_to(p_actors[i], 'UTF8'))
            || aetheris_prefixed(convert_to(p_nodes[i], 'UTF8'))
            || aetheris_prefixed(convert_to(p_spans[i], 'UTF8'))
            || aetheris_prefixed(int8send((extract(epoch FROM v_at) * 1000000)::bigint))
            || aetheris_prefixed(v_payload_digest)
            || aetheris_prefixed(head));
        INSERT INTO ledger_event (job_id, seq, tenant, type, category, actor, node, span, at, payload, nonce,
                                  payload_digest, hash, txid)
        VALUES (p_job, seq, v_tenant, p_types[i], p_categories[i], p_actors[i], p_nodes[i], p_spans[i], v_at,
                p_payloads[i], p_nonces[i], v_payload_digest, head, pg_current_xact_id()::text::bigint);
    END LOOP;
    UPDATE jobs_job AS job SET seq = aetheris_append_events.seq, head = aetheris_append_events.head
     WHERE job.id = p_job;
END $$;
"""

FROZEN = """
CREATE FUNCTION aetheris_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE ON ledger_event
    FOR EACH ROW EXECUTE FUNCTION aetheris_refuse_change();
CREATE TRIGGER event_no_truncate BEFORE TRUNCATE ON ledger_event
    FOR EACH STATEMENT EXECUTE FUNCTION aetheris_refuse_change();
CREATE TRIGGER body_append_only BEFORE UPDATE OR DELETE ON jobs_body
    FOR EACH ROW EXECUTE FUNCTION aetheris_refuse_change();
CREATE TRIGGER entry_settled_stays BEFORE UPDATE ON ledger_entry
    FOR EACH ROW WHEN (OLD.state IN ('committed', 'failed')) EXECUTE FUNCTION aetheris_refuse_change();
CREATE TRIGGER entry_never_deleted BEFORE DELETE ON ledger_entry
    FOR EACH ROW EXECUTE FUNCTION aetheris_refuse_change();
"""

UNDO = """
DROP TRIGGER entry_never_deleted ON ledger_entry;
DROP TRIGGER entry_settled_stays ON ledger_entry;
DROP TRIGGER body_append_only ON jobs_body;
DROP TRIGGER event_no_truncate ON ledger_event;
DROP TRIGGER event_append_only ON ledger_event;
DROP FUNCTION aetheris_refuse_change();
DROP FUNCTION aetheris_append_events(uuid, text[], text[], text[], text[], text[], text[], bytea[]);
DROP FUNCTION aetheris_prefixed(bytea);
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial"), ("jobs", "0002_clock")]

    operations = [migrations.RunSQL(APPEND + FROZEN, UNDO)]
