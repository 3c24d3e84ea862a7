-- +goose NO TRANSACTION
-- +goose Up
-- What is pruned.
CREATE INDEX CONCURRENTLY IF NOT EXISTS notifications_withdrawn ON notifications (withdrawn_at) WHERE withdrawn_at IS NOT NULL;

-- +goose Down
SELECT 'migrations only go forward';
