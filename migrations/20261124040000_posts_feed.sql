-- +goose Up

-- Authors with so many followers that their posts are not written into each follower's feed: readers fetch them.
CREATE TABLE post_pulled_authors (
    author_id uuid PRIMARY KEY,
    since     timestamptz NOT NULL DEFAULT now()
);
-- A person's likes and saves by post: which of a page's posts are marked.
CREATE INDEX post_saves_user ON post_saves (user_id, post_id);

-- +goose Down
SELECT 'migrations only go forward';
