-- +goose Up

-- One row for each Idempotency-Key of a person on a route: running under a lease first, then with its answer.
CREATE TABLE idempotency_records (
    user_id     uuid NOT NULL,
    route       text NOT NULL,
    key         text NOT NULL,
    body_hash   bytea NOT NULL,
    run_id      uuid NOT NULL,                     -- the run that may finish the record
    lease_until timestamptz NOT NULL,              -- until then the run is taken to be alive
    resource    uuid,                              -- what the run made, written in its own transaction
    status      integer,                           -- of the answer; null while running
    headers     jsonb,
    body        bytea,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (user_id, route, key),
    CONSTRAINT idempotency_records_answer CHECK ((status IS NULL) = (headers IS NULL))
);
CREATE INDEX idempotency_records_created ON idempotency_records (created_at);
