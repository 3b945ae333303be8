"""What one activation knows and changes of a job is written in one statement, if nobody else has changed it."""

from django.db import migrations

# `p_changes` holds the changed rows with all their columns that may change. The job's `seq` says whether what they
# were computed from is still so, `p_now` whether the time in them is, `first_in` names a queue in which nothing more
# urgent may wait: else nothing is written, and `seq` is null.
RECORD = """
CREATE FUNCTION aetheris_event_hash(
    tenant text, job uuid, seq bigint, type text, category text, actor text, node text, span text, at timestamptz,
    payload_digest bytea, before bytea
) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT sha256(
        '\\x00000011'::bytea || 'aetheris.event.v1'::bytea
        || int4send(octet_length(tenant)) || convert_to(tenant, 'UTF8')
        || '\\x00000010'::bytea || uuid_send(job)
        || '\\x00000008'::bytea || int8send(seq)
        || int4send(octet_length(type)) || convert_to(type, 'UTF8')
        || int4send(octet_length(category)) || convert_to(category, 'UTF8')
        || int4send(octet_length(actor)) || convert_to(actor, 'UTF8')
        || int4send(octet_length(node)) || convert_to(node, 'UTF8')
        || int4send(octet_length(span)) || convert_to(span, 'UTF8')
        || '\\x00000008'::bytea || int8send((extract(epoch FROM at) * 1000000)::bigint)
        || '\\x00000020'::bytea || payload_digest
        || int4send(octet_length(before)) || before)
$$;

CREATE FUNCTION aetheris_record(
    p_job uuid, p_seq bigint, p_now timestamptz, p_changes jsonb, OUT seq bigint, OUT head bytea, OUT now timestamptz
) LANGUAGE plpgsql AS $$
DECLARE
    v_job jobs_job;
    v_node jobs_node;
    v_edge jobs_edge;
    v_entry ledger_entry;
    v_event ledger_event;
    v_digest bytea;
BEGIN
    SELECT * INTO v_job FROM jobs_job AS job WHERE job.id = p_job AND job.seq = p_seq FOR NO KEY UPDATE;
    now := aetheris_now();
    IF NOT FOUND OR now NOT BETWEEN p_now - interval '1 second' AND p_now + interval '1 second' THEN
        RETURN;
    END IF;
    IF EXISTS (SELECT 1 FROM jobs_node AS node
                WHERE node.state = 'ready' AND node.queue = p_changes ->> 'first_in'
                  AND node.priority < v_job.priority AND (node.not_before IS NULL OR node.not_before <= now)) THEN
        RETURN;
    END IF;
    seq := v_job.seq;
    head := v_job.head;
    FOR v_event IN SELECT * FROM jsonb_populate_recordset(NULL::ledger_event, p_changes -> 'events') LOOP
        seq := seq + 1;
        v_digest := sha256(v_event.nonce || convert_to(v_event.payload, 'UTF8'));
        head := aetheris_event_hash(v_job.tenant, p_job, seq, v_event.type, v_event.category, v_event.actor,
                                    v_event.node, v_event.span, now, v_digest, head);
        INSERT INTO ledger_event (job_id, seq, tenant, type, category, actor, node, span, at, payload, nonce,
                                  payload_digest, hash, txid)
        VALUES (p_job, seq, v_job.tenant, v_event.type, v_event.category, v_event.actor, v_event.node, v_event.span,
                now, v_event.payload, v_event.nonce, v_digest, head, pg_current_xact_id()::text::bigint);
    END LOOP;
    INSERT INTO jobs_body (job_id, tenant, digest, text)
    SELECT p_job, v_job.tenant, sha256(convert_to(body, 'UTF8')), body
      FROM jsonb_array_elements_text(p_changes -> 'bodies') AS body
        ON CONFLICT DO NOTHING;
    FOR v_node IN SELECT * FROM jsonb_populate_recordset(NULL::jobs_node, p_changes -> 'nodes') LOOP
        UPDATE jobs_node AS node
           SET state = v_node.state, ending = v_node.ending, input = v_node.input, output = v_node.output,
               error = v_node.error, children_open = v_node.children_open, unmet = v_node.unmet,
               taken = v_node.taken, lease_token = v_node.lease_token, lease_expires_at = v_node.lease_expires_at,
               moved_by = v_node.moved_by, claims = v_node.claims, tries = v_node.tries,
               not_before = v_node.not_before, rung_at = v_node.rung_at, deadline_at = v_node.deadline_at,
               started_at = v_node.started_at, finished_at = v_node.finished_at
         WHERE node.job_id = p_job AND node.path = v_node.path;
    END LOOP;
    FOR v_edge IN SELECT * FROM jsonb_populate_recordset(NULL::jobs_edge, p_changes -> 'edges') LOOP
        UPDATE jobs_edge AS edge SET taken = v_edge.taken
         WHERE edge.job_id = p_job AND edge.source = v_edge.source AND edge.target = v_edge.target
           AND edge.on = v_edge.on;
    END LOOP;
    INSERT INTO ledger_entry SELECT * FROM jsonb_populate_recordset(NULL::ledger_entry, p_changes -> 'opened');
    FOR v_entry IN SELECT * FROM jsonb_populate_recordset(NULL::ledger_entry, p_changes -> 'entries') LOOP
        UPDATE ledger_entry AS entry
           SET effect = v_entry.effect, key_until = v_entry.key_until, state = v_entry.state,
               sends = v_entry.sends, lease_token = v_entry.lease_token,
               send_by = v_entry.send_by, settled_by = v_entry.settled_by, result = v_entry.result,
               error = v_entry.error, settled_at = v_entry.settled_at
         WHERE entry.job_id = p_job AND entry.step_id = v_entry.step_id AND entry.attempt = v_entry.attempt;
    END LOOP;
    v_job := jsonb_populate_record(v_job, p_changes -> 'job');
    UPDATE jobs_job AS job
       SET seq = aetheris_record.seq, head = aetheris_record.head, updated_at = now,
           nodes_open = v_job.nodes_open, nodes_ready = v_job.nodes_ready, nodes_delayed = v_job.nodes_delayed,
           nodes_running = v_job.nodes_running, nodes_waiting = v_job.nodes_waiting,
           nodes_parked = v_job.nodes_parked, ending = v_job.ending, outcome = v_job.outcome,
           result = v_job.result, error = v_job.error, recheck_before = v_job.recheck_before,
           conflicts = v_job.conflicts, finished_at = v_job.finished_at
     WHERE job.id = p_job;
END $$;
"""

UNDO = """
DROP FUNCTION aetheris_record(uuid, bigint, timestamptz, jsonb);
DROP FUNCTION aetheris_event_hash(text, uuid, bigint, text, text, text, text, text, timestamptz, bytea, bytea);
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0004_how_long_a_key_lasts"), ("jobs", "0004_find_jobs_with_conflicts")]

    operations = [migrations.RunSQL(RECORD, UNDO)]
