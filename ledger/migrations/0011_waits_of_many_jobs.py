"""Waits of several jobs are declared and opened by the statement that writes their steps."""

from importlib import import_module

from django.db import migrations

# Workers of the version before call it too: what they leave out is not written. A job with `unheard` is not written if
# a signal under one of these keys has come early.
WRITE = """
CREATE OR REPLACE FUNCTION aetheris_write_steps(p_jobs jsonb, p_rows jsonb)
RETURNS TABLE (id uuid, seq bigint, head bytea, now timestamptz, is_locked boolean)
LANGUAGE plpgsql SET plan_cache_mode TO force_generic_plan
SET enable_seqscan TO off SET enable_hashjoin TO off SET enable_mergejoin TO off AS $$
#variable_conflict use_column
DECLARE
    v_asked jsonb;
    v_job jobs_job;
    v_jobs jobs_job[] := '{}';
    v_ids uuid[] := '{}';
    v_event ledger_event;
    v_events ledger_event[] := '{}';
    v_txid bigint := pg_current_xact_id()::text::bigint;
    v_placed bigint;
    v_now timestamptz;
BEGIN
    FOR v_asked IN SELECT asked FROM jsonb_array_elements(p_jobs) AS asked LOOP
        SELECT * INTO v_job FROM jobs_job AS job
         WHERE job.id = (v_asked ->> 'id')::uuid AND job.seq = (v_asked ->> 'seq')::bigint
           FOR NO KEY UPDATE SKIP LOCKED;
        IF NOT FOUND THEN
            RETURN QUERY SELECT job.id, NULL::bigint, NULL::bytea, NULL::timestamptz, TRUE FROM jobs_job AS job
                          WHERE job.id = (v_asked ->> 'id')::uuid AND job.seq = (v_asked ->> 'seq')::bigint;
            CONTINUE;
        END IF;
        v_now := aetheris_now();
        CONTINUE WHEN v_now NOT BETWEEN (v_asked ->> 'known_at')::timestamptz - interval '1 second'
                                    AND (v_asked ->> 'known_at')::timestamptz + interval '1 second';
        CONTINUE WHEN v_asked ? 'first_in' AND EXISTS (
            SELECT 1 FROM jobs_node AS node
             WHERE node.state = 'ready' AND node.queue = v_asked ->> 'first_in' AND node.priority < v_job.priority
               AND (node.not_before IS NULL OR node.not_before <= v_now));
        CONTINUE WHEN v_asked ? 'unheard' AND EXISTS (
            SELECT 1 FROM signals_app_signal AS signal
             WHERE signal.job_id = v_job.id AND v_asked -> 'unheard' ? signal.correlation_key);
        v_job := jsonb_populate_record(v_job, v_asked);
        v_placed := greatest(v_txid, (SELECT before.placed FROM ledger_event AS before
                                       WHERE before.job_id = v_job.id AND before.seq = v_job.seq));
        FOR v_event IN SELECT * FROM jsonb_populate_recordset(NULL::ledger_event, v_asked -> 'events') LOOP
            v_job.seq := v_job.seq + 1;
            v_event.payload_digest := sha256(v_event.nonce || convert_to(v_event.payload, 'UTF8'));
            v_job.head := aetheris_event_hash(
                v_job.tenant, v_job.id, v_job.seq, v_event.type, v_event.category, v_event.actor, v_event.node,
                v_event.span, v_now, v_event.payload_digest, v_job.head);
            v_event.job_id := v_job.id;
            v_event.seq := v_job.seq;
            v_event.tenant := v_job.tenant;
            v_event.at := v_now;
            v_event.hash := v_job.head;
            v_event.placed := v_placed;
            v_events := v_events || v_event;
        END LOOP;
        v_job.updated_at := v_now;
        v_jobs := v_jobs || v_job;
        v_ids := v_ids || v_job.id;
    END LOOP;
    INSERT INTO ledger_event (job_id, seq, tenant, type, category, actor, node, span, at, payload, nonce,
                              payload_digest, hash, txid, placed)
    SELECT job_id, seq, tenant, type, category, actor, node, span, at, payload, nonce, payload_digest, hash, v_txid,
           placed
      FROM unnest(v_events);
    IF p_rows ? 'bodies' THEN
        INSERT INTO jobs_body (job_id, tenant, digest, text)
        SELECT job_id, tenant, sha256(convert_to(text, 'UTF8')), text
          FROM jsonb_populate_recordset(NULL::jobs_body, p_rows -> 'bodies')
         WHERE job_id = ANY(v_ids)
            ON CONFLICT DO NOTHING;
    END IF;
    IF p_rows ? 'new_nodes' THEN
        INSERT INTO jobs_node (
            job_id, path, tenant, position, type, config, queue, priority, state, ending, park, input, output,
            error, children_open, unmet, taken, lease_token, lease_expires_at, moved_by, claims, tries, crashes,
            not_before, rung_at, deadline_at, started_at, finished_at)
        SELECT job_id, path, tenant, position, type, config, queue, priority, state, ending, park, input, output,
               error, children_open, unmet, taken, lease_token, lease_expires_at, moved_by, claims, tries, crashes,
               not_before, rung_at, deadline_at, started_at, finished_at
          FROM jsonb_populate_recordset(NULL::jobs_node, p_rows -> 'new_nodes')
         WHERE job_id = ANY(v_ids);
    END IF;
    IF p_rows ? 'new_edges' THEN
        INSERT INTO jobs_edge (job_id, tenant, source, target, "on", condition, taken)
        SELECT job_id, tenant, source, target, "on", condition, taken
          FROM jsonb_populate_recordset(NULL::jobs_edge, p_rows -> 'new_edges')
         WHERE job_id = ANY(v_ids);
    END IF;
    UPDATE jobs_node AS node
       SET state = row.state, ending = row.ending, config = row.config, park = row.park, input = row.input,
           output = row.output, error = row.error, children_open = row.children_open, unmet = row.unmet,
           taken = row.taken, lease_token = row.lease_token, lease_expires_at = row.lease_expires_at,
           moved_by = row.moved_by, claims = row.claims, tries = row.tries, not_before = row.not_before,
           rung_at = row.rung_at, deadline_at = row.deadline_at, started_at = row.started_at,
           finished_at = row.finished_at
      FROM jsonb_populate_recordset(NULL::jobs_node, p_rows -> 'nodes') AS row
     WHERE node.job_id = row.job_id AND node.path = row.path AND row.job_id = ANY(v_ids);
    IF p_rows ? 'edges' THEN
        UPDATE jobs_edge AS edge SET taken = row.taken
          FROM jsonb_populate_recordset(NULL::jobs_edge, p_rows -> 'edges') AS row
         WHERE edge.job_id = row.job_id AND edge.source = row.source AND edge.target = row.target
           AND edge."on" = row."on" AND row.job_id = ANY(v_ids);
    END IF;
    IF p_rows ? 'entries' THEN
        INSERT INTO ledger_entry (
            job_id, step_id, attempt, tenant, node, position, kind, effect, tool, tool_version,
            arguments_digest, idempotency_key, state, lease_token, sends, first_sent_at, send_by, settled_by,
            key_until, result, error, opened_at, settled_at)
        SELECT job_id, step_id, attempt, tenant, node, position, kind, effect, tool, tool_version,
               arguments_digest, idempotency_key, state, lease_token, sends, first_sent_at, send_by, settled_by,
               key_until, result, error, opened_at, settled_at
          FROM jsonb_populate_recordset(NULL::ledger_entry, p_rows -> 'entries')
         WHERE job_id = ANY(v_ids)
            ON CONFLICT (job_id, step_id, attempt) DO UPDATE
           SET effect = excluded.effect, key_until = excluded.key_until, state = excluded.state,
               sends = excluded.sends, lease_token = excluded.lease_token, send_by = excluded.send_by,
               settled_by = excluded.settled_by, result = excluded.result, error = excluded.error,
               settled_at = excluded.settled_at;
    END IF;
    IF p_rows ? 'new_waits' THEN
        INSERT INTO signals_app_wait (
            job_id, correlation_key, tenant, node, kind, state, channel, park, reason, approves, timeout_seconds,
            on_timeout, answer_schema, opened_at, expires_at, ended_at, answer, answered_by, looks, proposed_by,
            question_id)
        SELECT job_id, correlation_key, tenant, node, kind, state, channel, park, reason, approves, timeout_seconds,
               on_timeout, answer_schema, opened_at, expires_at, ended_at, answer, answered_by, looks, proposed_by,
               question_id
          FROM jsonb_populate_recordset(NULL::signals_app_wait, p_rows -> 'new_waits')
         WHERE job_id = ANY(v_ids);
    END IF;
    IF p_rows ? 'waits' THEN
        UPDATE signals_app_wait AS wait
           SET state = row.state, opened_at = row.opened_at, expires_at = row.expires_at, ended_at = row.ended_at,
               answer = row.answer, answered_by = row.answered_by, looks = row.looks, proposed_by = row.proposed_by
          FROM jsonb_populate_recordset(NULL::signals_app_wait, p_rows -> 'waits') AS row
         WHERE wait.job_id = row.job_id AND wait.correlation_key = row.correlation_key AND row.job_id = ANY(v_ids);
    END IF;
    IF p_rows ? 'new_approvals' THEN
        INSERT INTO signals_app_approval (
            id, tenant, job_id, correlation_key, node, step, tool, tool_version, arguments, arguments_digest, reason,
            state, requested_by, requested_at, expires_at, decided_by, decided_at, decision_reason)
        SELECT id, tenant, job_id, correlation_key, node, step, tool, tool_version, arguments, arguments_digest, reason,
               state, requested_by, requested_at, expires_at, decided_by, decided_at, decision_reason
          FROM jsonb_populate_recordset(NULL::signals_app_approval, p_rows -> 'new_approvals')
         WHERE job_id = ANY(v_ids);
    END IF;
    UPDATE jobs_job AS job
       SET seq = row.seq, head = row.head, updated_at = row.updated_at, nodes_open = row.nodes_open,
           nodes_ready = row.nodes_ready, nodes_delayed = row.nodes_delayed, nodes_running = row.nodes_running,
           nodes_waiting = row.nodes_waiting, nodes_parked = row.nodes_parked, ending = row.ending,
           outcome = row.outcome, result = row.result, error = row.error, recheck_before = row.recheck_before,
           conflicts = row.conflicts, finished_at = row.finished_at
      FROM unnest(v_jobs) AS row
     WHERE job.id = row.id;
    RETURN QUERY SELECT row.id, row.seq, row.head, row.updated_at, FALSE FROM unnest(v_jobs) AS row;
END $$;
"""
BEFORE = (
    import_module("ledger.migrations.0010_steps_of_many_jobs")
    .WRITE.partition("DROP TRIGGER")[0]
    .replace("CREATE", "CREATE OR REPLACE", 1)
)


class Migration(migrations.Migration):
    dependencies = [("ledger", "0010_steps_of_many_jobs"), ("signals_app", "0004_list_open_waits")]

    operations = [migrations.RunSQL(WRITE, BEFORE)]
