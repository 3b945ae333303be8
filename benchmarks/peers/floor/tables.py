"""The two tables of a least engine, and the one statement of a step."""

DATABASE = "bench_floor"
TABLES = """
    CREATE TABLE job (id bigserial PRIMARY KEY, name text NOT NULL, state text NOT NULL DEFAULT 'ready',
                      seq int NOT NULL DEFAULT 0, updated_at timestamptz NOT NULL DEFAULT now());
    CREATE INDEX job_ready ON job (id) WHERE state = 'ready';
    CREATE INDEX job_name ON job (name);
    CREATE TABLE event (job_id bigint NOT NULL, seq int NOT NULL, payload jsonb, at timestamptz NOT NULL DEFAULT now(),
                        PRIMARY KEY (job_id, seq));
"""
READ = "SELECT id, seq FROM job WHERE name = %s"
CLAIM = """
    UPDATE job SET state = 'running' WHERE id IN
           (SELECT id FROM job WHERE state = 'ready' ORDER BY id LIMIT 8 FOR UPDATE SKIP LOCKED)
    RETURNING id, name"""
STEP = """
    WITH told AS (INSERT INTO event (job_id, seq, payload) VALUES (%s, %s, '{"ok": true}'))
    UPDATE job SET seq = %s, state = %s, updated_at = now() WHERE id = %s"""
ALL_STEPS = """
    WITH told AS (INSERT INTO event (job_id, seq, payload)
                  SELECT %s, seq, '{"ok": true}' FROM generate_series(1, %s) AS seq)
    UPDATE job SET seq = %s, state = 'done', updated_at = now() WHERE id = %s"""
