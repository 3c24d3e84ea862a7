-- +goose NO TRANSACTION
-- +goose Up
-- What is claimed now: the relay looks for claims that have lapsed.
CREATE INDEX CONCURRENTLY IF NOT EXISTS event_receipts_claimed ON event_receipts (claimed_until) WHERE claimed_until IS NOT NULL;

-- +goose Down
SELECT 'migrations only go forward';
