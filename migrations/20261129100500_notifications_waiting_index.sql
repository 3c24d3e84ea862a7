-- +goose NO TRANSACTION
-- +goose Up
-- What waits for the mail at the end of the hour.
CREATE INDEX CONCURRENTLY IF NOT EXISTS notifications_mail_waits ON notifications (recipient_id) WHERE mail_waits;

-- +goose Down
SELECT 'migrations only go forward';
