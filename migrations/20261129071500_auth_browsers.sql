-- +goose Up

-- The browser in which a sign-in began: how it is known again, and the cookie without which the sign-in does not go on.
ALTER TABLE oauth_states ADD COLUMN browser text NOT NULL DEFAULT '', ADD COLUMN binding bytea;

-- +goose Down
SELECT 'migrations only go forward';
