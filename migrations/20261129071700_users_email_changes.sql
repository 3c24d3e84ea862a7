-- +goose Up

-- Former addresses that are still to be told that they are former ones. A row goes with its mail.
CREATE TABLE user_email_changes (
    id         uuid PRIMARY KEY,
    user_id    uuid        NOT NULL REFERENCES users (id),
    previous   text        NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX user_email_changes_user_idx ON user_email_changes (user_id);
CREATE INDEX user_email_changes_changed_idx ON user_email_changes (changed_at);

-- +goose Down
SELECT 'migrations only go forward';
