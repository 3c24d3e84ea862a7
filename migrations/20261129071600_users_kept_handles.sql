-- +goose Up

-- What handles of erased people looked like, as an HMAC under a key outside the database: nobody takes them for a while, and
-- nothing of the person stays.
CREATE TABLE user_kept_handles (
    hash       bytea PRIMARY KEY,
    expires_at timestamptz NOT NULL
);
CREATE INDEX user_kept_handles_expires_idx ON user_kept_handles (expires_at);

-- +goose Down
SELECT 'migrations only go forward';
