-- +goose Up

-- How many people opened a post on a day.
CREATE TABLE post_views (
    post_id uuid NOT NULL CONSTRAINT post_views_post REFERENCES posts ON DELETE CASCADE,
    day     date NOT NULL,
    viewers bigint NOT NULL CONSTRAINT post_views_viewers CHECK (viewers >= 0),
    PRIMARY KEY (post_id, day)
);

-- +goose Down
SELECT 'migrations only go forward';
