-- +goose NO TRANSACTION
-- +goose Up

-- A drop is what caches are to forget after a transaction, whatever becomes of the process that ran it.
ALTER TABLE outbox DROP CONSTRAINT IF EXISTS outbox_kind,
    ADD CONSTRAINT outbox_kind CHECK (kind IN ('event', 'task', 'drop')) NOT VALID;
ALTER TABLE outbox VALIDATE CONSTRAINT outbox_kind; -- reads all rows, under a lock that stops nobody

-- +goose Down
SELECT 'migrations only go forward';
