-- +goose NO TRANSACTION
-- +goose Up
-- +atrium compatible-from 20261129073000

-- What is parked, by whom it waits for: looked at every few seconds.
CREATE INDEX CONCURRENTLY IF NOT EXISTS outbox_awaits ON outbox USING gin (awaits) WHERE finished_at IS NULL AND awaits IS NOT NULL;

-- +goose Down
SELECT 'migrations only go forward';
