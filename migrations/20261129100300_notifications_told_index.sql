-- +goose NO TRANSACTION
-- +goose Up
-- The newest of what a person has not read.
CREATE INDEX CONCURRENTLY IF NOT EXISTS notifications_unread_newest ON notifications (recipient_id, id DESC) WHERE read_at IS NULL AND withdrawn_at IS NULL;

-- +goose Down
SELECT 'migrations only go forward';
