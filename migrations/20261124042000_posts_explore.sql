-- +goose Up

-- Posts that people did something with lately, beyond the newest: the rest of those that compete in explore.
CREATE TABLE post_trends (
    post_id uuid PRIMARY KEY CONSTRAINT post_trends_post REFERENCES posts ON DELETE CASCADE,
    score   double precision NOT NULL
);

-- The order that explore showed to those who began at a moment, so that their next pages go on in it on every instance.
CREATE TABLE post_rankings (
    at    timestamptz PRIMARY KEY,
    posts uuid[] NOT NULL
);

-- +goose Down
SELECT 'migrations only go forward';
