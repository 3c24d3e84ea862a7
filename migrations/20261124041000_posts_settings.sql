-- +goose Up

-- What an author decides about a post besides its words: whether others see its figures, who may comment, which comment leads.
ALTER TABLE posts
    ADD COLUMN counts_hidden boolean NOT NULL DEFAULT false,
    ADD COLUMN comment_policy text NOT NULL DEFAULT 'everyone'
        CONSTRAINT posts_comment_policy CHECK (comment_policy IN ('everyone', 'followers', 'off')),
    ADD COLUMN pinned_comment_id uuid;

-- What a post said before each of its last edits.
CREATE TABLE post_revisions (
    post_id    uuid NOT NULL CONSTRAINT post_revisions_post REFERENCES posts ON DELETE CASCADE,
    version    bigint NOT NULL,
    said       jsonb NOT NULL,
    written_at timestamptz NOT NULL,
    PRIMARY KEY (post_id, version)
);

-- The words that an author does not want below their posts.
CREATE TABLE post_comment_filters (
    author_id  uuid PRIMARY KEY,
    words      text[] NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- +goose Down
SELECT 'migrations only go forward';
