-- +goose NO TRANSACTION
-- +goose Up
-- Whose pictures are with the workers, or wait.
CREATE INDEX CONCURRENTLY IF NOT EXISTS uploads_processing ON uploads (owner_id) WHERE status = 'processing';

-- +goose Down
SELECT 'migrations only go forward';
