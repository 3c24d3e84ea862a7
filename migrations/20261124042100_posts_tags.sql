-- +goose Up

-- Who follows which hashtag. It says what a person wants to come back to; the feed stays what people posted.
CREATE TABLE post_tag_follows (
    user_id    uuid NOT NULL,
    tag        text NOT NULL,                     -- as in post_tags
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (user_id, tag)
);
CREATE INDEX post_tag_follows_newest ON post_tag_follows (user_id, created_at DESC, tag DESC);

-- +goose Down
SELECT 'migrations only go forward';
