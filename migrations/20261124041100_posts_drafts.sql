-- +goose Up

-- What an author has not published yet. Its photos are claimed already, so nothing sweeps them away. Once it is published, the row
-- only remembers the post, for those who publish again or save late.
CREATE TABLE post_drafts (
    id         uuid PRIMARY KEY,                  -- the client's
    author_id  uuid NOT NULL,
    version    bigint NOT NULL DEFAULT 0,         -- 0 only inside the transaction that makes it
    said       jsonb NOT NULL,
    publish_at timestamptz,
    problem    text,                              -- the code of why it was not published in time
    post_id    uuid CONSTRAINT post_drafts_post REFERENCES posts ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX post_drafts_author ON post_drafts (author_id, updated_at DESC, id DESC) WHERE post_id IS NULL;
CREATE INDEX post_drafts_post ON post_drafts (post_id) WHERE post_id IS NOT NULL;

-- +goose Down
SELECT 'migrations only go forward';
