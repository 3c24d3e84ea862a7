-- +goose NO TRANSACTION
-- +goose Up

-- How many of a post's comments are its author's own: they do not count in explore.
CREATE INDEX CONCURRENTLY IF NOT EXISTS post_comments_own ON post_comments (post_id, author_id) WHERE deleted_at IS NULL;

-- +goose Down
SELECT 'migrations only go forward';
