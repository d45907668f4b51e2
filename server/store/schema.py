"""The tables of the job database, and the way from every older form to the present one."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from heddle.graph.errors import SettingsError

# One script per step; `PRAGMA user_version` counts how many a file has seen. A step that was released never changes.
STEPS = (
    """
    CREATE TABLE jobs (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        number REAL NOT NULL,            -- place in the queue, lowest first
        state TEXT NOT NULL DEFAULT 'pending',
        prompt TEXT NOT NULL,            -- JSON, as are extra_data, secrets, targets, outputs, messages, failure
        extra_data TEXT NOT NULL,
        secrets TEXT,                    -- keys of outside services; forgotten when the job ends
        client_id TEXT,
        targets TEXT NOT NULL,
        outputs TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        started_ms INTEGER,
        ended_ms INTEGER,
        worker_deaths INTEGER NOT NULL DEFAULT 0,
        outcome TEXT,
        messages TEXT,
        failure TEXT
    );
    CREATE INDEX jobs_waiting ON jobs (state, number, seq) WHERE state IN ('pending', 'in_progress');
    CREATE INDEX jobs_ended ON jobs (ended_ms, seq) WHERE ended_ms IS NOT NULL;
    CREATE TABLE events (
        job INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (job, number)
    ) WITHOUT ROWID;
    CREATE TABLE outputs (
        job INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
        node_id TEXT NOT NULL,
        output TEXT NOT NULL,
        PRIMARY KEY (job, node_id)
    ) WITHOUT ROWID;
    """,
    # What lists show is apart from the long texts, so that a page of a long history reads few bytes.
    """
    CREATE TABLE new_jobs (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        number REAL NOT NULL,            -- place among the jobs of its client and turn, lowest first
        turn INTEGER NOT NULL DEFAULT 0, -- clients take turns: every client's next job has about the same
        priority INTEGER NOT NULL DEFAULT 0,
        background INTEGER NOT NULL DEFAULT 0,
        state TEXT NOT NULL DEFAULT 'queued',
        client_id TEXT,
        idempotency_key TEXT,
        label TEXT,
        webhook TEXT,                    -- JSON, as are options
        options TEXT NOT NULL DEFAULT '{}',
        workflow_id TEXT,
        created_ms INTEGER NOT NULL,
        started_ms INTEGER,
        ended_ms INTEGER,
        worker TEXT,
        worker_deaths INTEGER NOT NULL DEFAULT 0,
        progress REAL NOT NULL DEFAULT 0, -- percent
        cancel_asked INTEGER NOT NULL DEFAULT 0,
        pruned INTEGER NOT NULL DEFAULT 0, -- its events are forgotten
        outcome TEXT,
        error TEXT
    );
    CREATE TABLE job_texts (
        job INTEGER PRIMARY KEY REFERENCES jobs (seq) ON DELETE CASCADE,
        prompt TEXT NOT NULL,            -- JSON, as is the rest
        extra_data TEXT NOT NULL,
        secrets TEXT,                    -- keys of outside services; forgotten when the job ends
        targets TEXT NOT NULL,
        outputs TEXT NOT NULL,
        messages TEXT,
        failure TEXT
    );
    INSERT INTO new_jobs (seq, id, number, turn, state, client_id, created_ms, started_ms, ended_ms, worker_deaths,
                          progress, outcome, error)
    SELECT seq, id, number, row_number() OVER (ORDER BY number, seq),
           CASE state WHEN 'pending' THEN 'queued' WHEN 'in_progress' THEN 'running' WHEN 'completed' THEN 'done'
                      WHEN 'cancelled' THEN 'cancelled' ELSE iif(outcome = 'partial', 'partial', 'failed') END,
           client_id, created_ms, started_ms, ended_ms, worker_deaths, iif(outcome = 'success', 100, 0), outcome,
           iif(failure IS NOT NULL AND json_valid(failure), failure ->> '$.message', NULL)
    FROM jobs;
    INSERT INTO job_texts SELECT seq, prompt, extra_data, secrets, targets, outputs, messages, failure FROM jobs;
    DELETE FROM sqlite_sequence WHERE name = 'new_jobs';
    INSERT INTO sqlite_sequence (name, seq) SELECT 'new_jobs', seq FROM sqlite_sequence WHERE name = 'jobs';
    DROP TABLE jobs;
    ALTER TABLE new_jobs RENAME TO jobs;
    CREATE INDEX jobs_states ON jobs (state, seq);
    CREATE INDEX jobs_ended ON jobs (ended_ms, seq) WHERE ended_ms IS NOT NULL;
    CREATE INDEX jobs_with_events ON jobs (ended_ms, seq) WHERE ended_ms IS NOT NULL AND NOT pruned;
    CREATE UNIQUE INDEX jobs_keys ON jobs (coalesce(client_id, ''), idempotency_key)
        WHERE idempotency_key IS NOT NULL;
    """,
    # One log of events over all jobs, its rows as they came from the workers: many events each. One row per node.
    """
    CREATE TABLE event_batches (
        first INTEGER PRIMARY KEY,       -- number of its first event over all jobs; the others follow it
        job INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
        first_number INTEGER NOT NULL,   -- the same within the job
        count INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        body TEXT NOT NULL               -- JSON: a list of events
    );
    CREATE INDEX event_batches_of_jobs ON event_batches (job, first);
    INSERT INTO event_batches
    SELECT row_number() OVER (ORDER BY at_ms, job, number), job, number, 1, at_ms, '[' || body || ']' FROM events;
    DROP TABLE events;
    CREATE TABLE numbers (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE node_results (
        job INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
        node_id TEXT NOT NULL,
        how TEXT,                        -- ran, memory, disk, finished, skipped, blocked, failed
        output TEXT,                     -- JSON of what it showed; NULL for nothing
        seconds REAL,
        finished_ms INTEGER,
        why TEXT,                        -- JSON: a list of sentences
        PRIMARY KEY (job, node_id)
    ) WITHOUT ROWID;
    INSERT INTO node_results (job, node_id, output, finished_ms)
    SELECT outputs.job, node_id, output, ended_ms FROM outputs JOIN jobs ON jobs.seq = outputs.job;
    DROP TABLE outputs;
    """,
    # What job lists filter and sort by. Words to other programs: a trigger writes them down together with the change
    # that they tell of, whichever statement makes it.
    """
    CREATE TABLE job_failures (
        job INTEGER PRIMARY KEY REFERENCES jobs (seq) ON DELETE CASCADE,
        told TEXT NOT NULL               -- JSON: the first `execution_error` of its messages; lists show it
    );
    INSERT INTO job_failures
    SELECT job, min(json_extract(said.value, '$[1]'))
    FROM job_texts, json_each(iif(json_valid(messages), messages, '[]')) AS said
    WHERE json_extract(said.value, '$[0]') = 'execution_error' GROUP BY job;
    CREATE INDEX jobs_of_workflows ON jobs (workflow_id, seq) WHERE workflow_id IS NOT NULL;
    CREATE INDEX jobs_with_labels ON jobs (label, seq) WHERE label IS NOT NULL;
    CREATE INDEX jobs_durations ON jobs (coalesce(ended_ms - started_ms, 0), seq);
    CREATE TABLE webhook_secrets (
        job INTEGER PRIMARY KEY REFERENCES jobs (seq) ON DELETE CASCADE,
        secret TEXT NOT NULL
    );
    CREATE TABLE deliveries (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        job_id TEXT NOT NULL,            -- the job itself may be forgotten before it is told
        event TEXT NOT NULL,             -- the state that the job came to
        url TEXT NOT NULL,
        secret TEXT,
        at_ms INTEGER NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        next_ms INTEGER NOT NULL
    );
    CREATE INDEX deliveries_due ON deliveries (next_ms);
    CREATE TRIGGER webhooks_of_states AFTER UPDATE OF state ON jobs
    WHEN NEW.state <> OLD.state AND NEW.webhook LIKE '{%' AND json_valid(NEW.webhook)
    BEGIN
        INSERT INTO deliveries (job_id, event, url, secret, at_ms, next_ms)
        SELECT NEW.id, NEW.state, json_extract(NEW.webhook, '$.url'),
               (SELECT secret FROM webhook_secrets WHERE job = NEW.seq),
               (julianday('now') - 2440587.5) * 86400000, 0
        WHERE EXISTS (SELECT 1 FROM json_each(NEW.webhook, '$.events') WHERE value = NEW.state);
    END;
    CREATE TRIGGER webhooks_of_the_removed BEFORE DELETE ON jobs
    WHEN OLD.state = 'queued' AND OLD.webhook LIKE '{%' AND json_valid(OLD.webhook)
    BEGIN
        INSERT INTO deliveries (job_id, event, url, secret, at_ms, next_ms)
        SELECT OLD.id, 'cancelled', json_extract(OLD.webhook, '$.url'),
               (SELECT secret FROM webhook_secrets WHERE job = OLD.seq),
               (julianday('now') - 2440587.5) * 86400000, 0
        WHERE EXISTS (SELECT 1 FROM json_each(OLD.webhook, '$.events') WHERE value = 'cancelled');
    END;
    """,
    # A page far back in a long list is found in an index alone, which holds all that a list asks of a job.
    """
    DROP INDEX jobs_of_workflows;
    DROP INDEX jobs_with_labels;
    DROP INDEX jobs_durations;
    CREATE INDEX jobs_with_labels ON jobs (label, seq, state, client_id, workflow_id) WHERE label IS NOT NULL;
    CREATE INDEX jobs_of_workflows ON jobs (workflow_id, seq, state, client_id) WHERE workflow_id IS NOT NULL;
    CREATE INDEX jobs_of_clients ON jobs (client_id, seq, state) WHERE client_id IS NOT NULL;
    CREATE INDEX jobs_durations ON jobs (coalesce(ended_ms - started_ms, 0), seq, state);
    """,
)


def upgrade(connection: sqlite3.Connection, path: Path) -> None:
    """Bring a database to the present form, each step whole or not at all.

    Raises: SettingsError, if a newer Heddle wrote it; sqlite3.Error.
    """
    (seen,) = connection.execute("PRAGMA user_version").fetchone()
    if seen > len(STEPS):
        raise SettingsError(
            f"{path} was written by a newer Heddle (schema {seen}, this one knows {len(STEPS)}); "
            "update Heddle or choose another folder with --user-directory"
        )
    # Else the rows that point to a table which is made anew would go with the old one.
    connection.execute("PRAGMA foreign_keys = OFF")
    for step in range(seen, len(STEPS)):
        try:
            connection.executescript(f"BEGIN IMMEDIATE; {STEPS[step]} PRAGMA user_version = {step + 1}; COMMIT;")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    connection.execute("PRAGMA foreign_keys = ON")
