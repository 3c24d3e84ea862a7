-- +goose Up

-- Events and tasks wait here until every subscriber has done its part.
CREATE TABLE outbox (
    id            uuid PRIMARY KEY,
    kind          text NOT NULL CONSTRAINT outbox_kind CHECK (kind IN ('event', 'task')),
    name          text NOT NULL,
    payload       jsonb NOT NULL,
    trace         text,                           -- W3C traceparent of the publisher
    created_at    timestamptz NOT NULL DEFAULT now(),
    available_at  timestamptz NOT NULL DEFAULT now(),
    due_at        timestamptz NOT NULL DEFAULT now(), -- when the relay looks again; infinity: parked or dead
    dispatched_at timestamptz,
    attempts      integer NOT NULL DEFAULT 0,     -- how often it was dispatched
    subscribers   text[],                         -- who must have a receipt; recorded at the first dispatch
    finished_at   timestamptz
);
CREATE INDEX outbox_due ON outbox (due_at) WHERE finished_at IS NULL;
CREATE INDEX outbox_lag ON outbox (available_at) WHERE finished_at IS NULL AND due_at < 'infinity';
CREATE INDEX outbox_finished ON outbox (finished_at) WHERE finished_at IS NOT NULL;
-- Every row is written about four times: vacuum sooner than by the default fifth of the table.
ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);

-- What each subscriber did with each row of the outbox.
CREATE TABLE event_receipts (
    subscriber    text NOT NULL,
    event_id      uuid NOT NULL,
    claimed_until timestamptz,                    -- an effect or a job is running until then
    done_at       timestamptz,
    dead_at       timestamptz,                    -- given up; `atrium outbox replay` clears it
    tries         integer NOT NULL DEFAULT 0,
    last_error    text,
    PRIMARY KEY (event_id, subscriber)
);
CREATE INDEX event_receipts_dead ON event_receipts (dead_at) WHERE dead_at IS NOT NULL;
ALTER TABLE event_receipts SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);

-- One row per schedule: who runs it now, and when it is due next.
CREATE TABLE schedule_leases (
    name         text PRIMARY KEY,
    next_at      timestamptz NOT NULL,
    leased_until timestamptz,
    leased_by    uuid
);
