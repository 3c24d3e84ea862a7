-- +goose Up

-- What people asked to take with them. The archive itself is in S3, below exports/.
CREATE TABLE user_exports (
    id           uuid PRIMARY KEY,
    user_id      uuid        NOT NULL,
    status       text        NOT NULL CONSTRAINT user_exports_status CHECK (status IN ('preparing', 'ready', 'failed', 'expired')),
    folder       text        NOT NULL,      -- cannot be guessed
    requested_at timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,               -- from then on the archive may be removed
    removed_at   timestamptz
);
CREATE UNIQUE INDEX user_exports_one_at_a_time ON user_exports (user_id) WHERE status = 'preparing';
CREATE INDEX user_exports_newest ON user_exports (user_id, id DESC);
CREATE INDEX user_exports_expired ON user_exports (expires_at) WHERE removed_at IS NULL AND expires_at IS NOT NULL;
CREATE INDEX user_exports_removed ON user_exports (removed_at) WHERE removed_at IS NOT NULL;

-- +goose Down
SELECT 'migrations only go forward';
