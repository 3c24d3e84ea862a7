-- +goose Up
-- +atrium compatible-from 20261129073000

-- Which processes live, or lived not long ago, and what each of them knows to handle: an event waits for a subscriber that another
-- build has, and is handed to who has it.
CREATE TABLE processes (
    id         uuid PRIMARY KEY,
    works      boolean NOT NULL,                  -- runs a worker; an api only knows
    started_at timestamptz NOT NULL DEFAULT now(),
    seen_at    timestamptz NOT NULL DEFAULT now() -- its last sign of life
);
CREATE TABLE process_handlers (
    process_id uuid NOT NULL REFERENCES processes ON DELETE CASCADE,
    kind       text NOT NULL,                     -- event or task, as in the outbox
    subject    text NOT NULL,                     -- the event's or the task's name
    handler    text NOT NULL,                     -- the subscriber's name; of a task its own
    queue      text NOT NULL,                     -- how it is enqueued
    timeout    double precision NOT NULL,         -- seconds
    max_retry  integer NOT NULL,
    PRIMARY KEY (process_id, kind, handler)
);
CREATE INDEX process_handlers_subject ON process_handlers (subject);

-- Whom a row waits for that no living worker has; null: for nobody.
ALTER TABLE outbox ADD COLUMN awaits text[];

-- +goose Down
SELECT 'migrations only go forward';
