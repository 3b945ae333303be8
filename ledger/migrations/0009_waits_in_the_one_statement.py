"""What a job waits for, and what answers it, are written by the same statement as what changes."""

from importlib import import_module

from django.db import migrations

# Workers of the version before call it too: what they leave out is not written.
WRITE = """
CREATE OR REPLACE FUNCTION aetheris_write(
    p_job uuid, p_seq bigint, p_now timestamptz, p_changes jsonb, OUT seq bigint, OUT head bytea, OUT now timestamptz
) LANGUAGE plpgsql AS $$
DECLARE
    v_job jobs_job;
    v_event ledger_event;
    v_digest bytea;
    v_txid bigint;
BEGIN
    IF p_changes ? 'new_job' THEN
        now := aetheris_now();
        v_job := jsonb_populate_record(NULL::jobs_job, p_changes -> 'new_job');
        IF p_changes ? 'submission' THEN
            INSERT INTO jobs_submission (id, tenant, agent_name, key, job_id, request_digest, created_at)
            SELECT id, tenant, agent_name, key, job_id, request_digest, now
              FROM jsonb_populate_record(NULL::jobs_submission, p_changes -> 'submission')
                ON CONFLICT DO NOTHING;
            IF NOT FOUND THEN
                RETURN;
            END IF;
        END IF;
    ELSE
        SELECT * INTO v_job FROM jobs_job AS job WHERE job.id = p_job AND job.seq = p_seq FOR NO KEY UPDATE;
        now := aetheris_now();
        IF NOT FOUND OR now NOT BETWEEN p_now - interval '1 second' AND p_now + interval '1 second' THEN
            RETURN;
        END IF;
        IF p_changes ? 'first_in' AND EXISTS (
            SELECT 1 FROM jobs_node AS node
             WHERE node.state = 'ready' AND node.queue = p_changes ->> 'first_in'
               AND node.priority < v_job.priority AND (node.not_before IS NULL OR node.not_before <= now)) THEN
            RETURN;
        END IF;
    END IF;
    IF p_changes ? 'unheard' AND EXISTS (
        SELECT 1 FROM signals_app_signal AS signal
         WHERE signal.job_id = p_job AND p_changes -> 'unheard' ? signal.correlation_key) THEN
        RETURN;
    END IF;
    seq := v_job.seq;
    head := v_job.head;
    IF p_changes ? 'events' THEN
        v_txid := pg_current_xact_id()::text::bigint;
        FOR v_event IN SELECT * FROM jsonb_populate_recordset(NULL::ledger_event, p_changes -> 'events') LOOP
            seq := seq + 1;
            v_digest := sha256(v_event.nonce || convert_to(v_event.payload, 'UTF8'));
            head := aetheris_event_hash(v_job.tenant, p_job, seq, v_event.type, v_event.category, v_event.actor,
                                        v_event.node, v_event.span, now, v_digest, head);
            INSERT INTO ledger_event (job_id, seq, tenant, type, category, actor, node, span, at, payload, nonce,
                                      payload_digest, hash, txid)
            VALUES (p_job, seq, v_job.tenant, v_event.type, v_event.category, v_event.actor, v_event.node,
                    v_event.span, now, v_event.payload, v_event.nonce, v_digest, head, v_txid);
        END LOOP;
    END IF;
    IF p_changes ? 'bodies' THEN
        INSERT INTO jobs_body (job_id, tenant, digest, text)
        SELECT p_job, v_job.tenant, sha256(convert_to(body, 'UTF8')), body
          FROM jsonb_array_elements_text(p_changes -> 'bodies') AS body
            ON CONFLICT DO NOTHING;
    END IF;
    IF p_changes ? 'nodes' THEN
        INSERT INTO jobs_node (
            job_id, path, tenant, position, type, config, queue, priority, state, ending, park, input, output,
            error, children_open, unmet, taken, lease_token, lease_expires_at, moved_by, claims, tries, crashes,
            not_before, rung_at, deadline_at, started_at, finished_at)
        SELECT job_id, path, tenant, position, type, config, queue, priority, state, ending, park, input,
               output, error, children_open, unmet, taken, lease_token, lease_expires_at, moved_by, claims,
               tries, crashes, not_before, rung_at, deadline_at, started_at, finished_at
          FROM jsonb_populate_recordset(NULL::jobs_node, p_changes -> 'nodes')
            ON CONFLICT (job_id, path) DO UPDATE
           SET state = excluded.state, ending = excluded.ending, config = excluded.config, park = excluded.park,
               input = excluded.input, output = excluded.output, error = excluded.error,
               children_open = excluded.children_open, unmet = excluded.unmet, taken = excluded.taken,
               lease_token = excluded.lease_token, lease_expires_at = excluded.lease_expires_at,
               moved_by = excluded.moved_by, claims = excluded.claims, tries = excluded.tries,
               not_before = excluded.not_before, rung_at = excluded.rung_at, deadline_at = excluded.deadline_at,
               started_at = excluded.started_at, finished_at = excluded.finished_at;
    END IF;
    IF p_changes ? 'edges' THEN
        INSERT INTO jobs_edge (
            job_id, tenant, source, target, "on", condition, taken)
        SELECT job_id, tenant, source, target, "on", condition, taken
          FROM jsonb_populate_recordset(NULL::jobs_edge, p_changes -> 'edges')
            ON CONFLICT (job_id, source, target, "on") DO UPDATE SET taken = excluded.taken;
    END IF;
    IF p_changes ? 'entries' THEN
        INSERT INTO ledger_entry (
            job_id, step_id, attempt, tenant, node, position, kind, effect, tool, tool_version,
            arguments_digest, idempotency_key, state, lease_token, sends, first_sent_at, send_by, settled_by,
            key_until, result, error, opened_at, settled_at)
        SELECT job_id, step_id, attempt, tenant, node, position, kind, effect, tool, tool_version,
               arguments_digest, idempotency_key, state, lease_token, sends, first_sent_at, send_by, settled_by,
               key_until, result, error, opened_at, settled_at
          FROM jsonb_populate_recordset(NULL::ledger_entry, p_changes -> 'entries')
            ON CONFLICT (job_id, step_id, attempt) DO UPDATE
           SET effect = excluded.effect, key_until = excluded.key_until, state = excluded.state,
               sends = excluded.sends, lease_token = excluded.lease_token, send_by = excluded.send_by,
               settled_by = excluded.settled_by, result = excluded.result, error = excluded.error,
               settled_at = excluded.settled_at;
    END IF;
    IF p_changes ? 'new_waits' THEN
        INSERT INTO signals_app_wait (
            job_id, correlation_key, tenant, node, kind, state, channel, park, reason, approves, timeout_seconds,
            on_timeout, answer_schema, opened_at, expires_at, ended_at, answer, answered_by, looks, proposed_by,
            question_id)
        SELECT job_id, correlation_key, tenant, node, kind, state, channel, park, reason, approves, timeout_seconds,
               on_timeout, answer_schema, opened_at, expires_at, ended_at, answer, answered_by, looks, proposed_by,
               question_id
          FROM jsonb_populate_recordset(NULL::signals_app_wait, p_changes -> 'new_waits');
    END IF;
    IF p_changes ? 'waits' THEN
        UPDATE signals_app_wait AS wait
           SET state = row.state, opened_at = row.opened_at, expires_at = row.expires_at, ended_at = row.ended_at,
               answer = row.answer, answered_by = row.answered_by, looks = row.looks, proposed_by = row.proposed_by
          FROM jsonb_populate_recordset(NULL::signals_app_wait, p_changes -> 'waits') AS row
         WHERE wait.job_id = p_job AND wait.correlation_key = row.correlation_key;
    END IF;
    IF p_changes ? 'signals' THEN
        INSERT INTO signals_app_signal (
            job_id, id, correlation_key, tenant, payload, sender, received_at, applied_at)
        SELECT job_id, id, correlation_key, tenant, payload, sender, received_at, applied_at
          FROM jsonb_populate_recordset(NULL::signals_app_signal, p_changes -> 'signals');
    END IF;
    IF p_changes ? 'new_approvals' THEN
        INSERT INTO signals_app_approval (
            id, tenant, job_id, correlation_key, node, step, tool, tool_version, arguments, arguments_digest, reason,
            state, requested_by, requested_at, expires_at, decided_by, decided_at, decision_reason)
        SELECT id, tenant, job_id, correlation_key, node, step, tool, tool_version, arguments, arguments_digest, reason,
               state, requested_by, requested_at, expires_at, decided_by, decided_at, decision_reason
          FROM jsonb_populate_recordset(NULL::signals_app_approval, p_changes -> 'new_approvals');
    END IF;
    IF p_changes ? 'approvals' THEN
        UPDATE signals_app_approval AS approval
           SET state = row.state, decided_by = row.decided_by, decided_at = row.decided_at,
               decision_reason = row.decision_reason
          FROM jsonb_populate_recordset(NULL::signals_app_approval, p_changes -> 'approvals') AS row
         WHERE approval.id = row.id;
    END IF;
    IF p_changes ? 'new_job' THEN
        INSERT INTO jobs_job (
            id, tenant, agent_id, root_id, parent_id, depth, forked_from, mode, code_version, goal, requested_by,
            request_digest, priority, seq, head, nodes_open, nodes_ready, nodes_delayed, nodes_running, nodes_waiting,
            nodes_parked, ending, outcome, result, error, conflicts, recheck_before, max_parallel,
            cancel_requested_at, deadline_at, created_at, updated_at, finished_at)
        VALUES (
            p_job, v_job.tenant, v_job.agent_id, v_job.root_id, v_job.parent_id, v_job.depth, v_job.forked_from,
            v_job.mode, v_job.code_version, v_job.goal, v_job.requested_by, v_job.request_digest, v_job.priority, seq,
            head, v_job.nodes_open, v_job.nodes_ready, v_job.nodes_delayed, v_job.nodes_running, v_job.nodes_waiting,
            v_job.nodes_parked, v_job.ending, v_job.outcome, v_job.result, v_job.error, v_job.conflicts,
            v_job.recheck_before, v_job.max_parallel, v_job.cancel_requested_at, v_job.deadline_at, v_job.created_at,
            now, v_job.finished_at);
        RETURN;
    END IF;
    v_job := jsonb_populate_record(v_job, p_changes -> 'job');
    UPDATE jobs_job AS job
       SET seq = aetheris_write.seq, head = aetheris_write.head, updated_at = now,
           nodes_open = v_job.nodes_open, nodes_ready = v_job.nodes_ready, nodes_delayed = v_job.nodes_delayed,
           nodes_running = v_job.nodes_running, nodes_waiting = v_job.nodes_waiting,
           nodes_parked = v_job.nodes_parked, ending = v_job.ending, outcome = v_job.outcome,
           result = v_job.result, error = v_job.error, recheck_before = v_job.recheck_before,
           conflicts = v_job.conflicts, finished_at = v_job.finished_at
     WHERE job.id = p_job;
END $$;
"""
BEFORE = import_module("ledger.migrations.0006_a_graph_in_one_statement").WRITE.replace("CREATE", "CREATE OR REPLACE", 1)


class Migration(migrations.Migration):
    dependencies = [("ledger", "0008_jobs_are_requeued"), ("signals_app", "0004_list_open_waits")]

    operations = [migrations.RunSQL(WRITE, BEFORE)]
