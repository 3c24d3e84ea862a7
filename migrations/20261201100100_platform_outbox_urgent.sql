-- +goose NO TRANSACTION
-- +goose Up
-- +atrium compatible-from 20261129110300

-- The urgent rows that are due: few at any time.
CREATE INDEX CONCURRENTLY IF NOT EXISTS outbox_urgent ON outbox (due_at) WHERE finished_at IS NULL AND urgent;

-- +goose Down
SELECT 'migrations only go forward';
