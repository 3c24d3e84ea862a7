-- +goose Up

CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- Counters are written far more often than anything else here: fillfactor leaves room for updates beside the row,
-- and no index covers them, so that such an update touches no index.
CREATE TABLE posts (
    id            uuid PRIMARY KEY,
    author_id     uuid NOT NULL,
    caption       text NOT NULL,
    room          text,
    style         text,
    visibility    text NOT NULL CONSTRAINT posts_visibility CHECK (visibility IN ('public', 'followers', 'private')),
    like_count    bigint NOT NULL DEFAULT 0 CONSTRAINT posts_like_count CHECK (like_count >= 0),
    comment_count bigint NOT NULL DEFAULT 0 CONSTRAINT posts_comment_count CHECK (comment_count >= 0),
    save_count    bigint NOT NULL DEFAULT 0 CONSTRAINT posts_save_count CHECK (save_count >= 0),
    version       bigint NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    deleted_at    timestamptz                     -- can be restored for a while, then it is purged
) WITH (fillfactor = 85);
-- The feed and profiles: the newest of an author.
CREATE INDEX posts_author ON posts (author_id, created_at DESC, id DESC) INCLUDE (visibility) WHERE deleted_at IS NULL;
-- Explore and search: the newest of all.
CREATE INDEX posts_public ON posts (created_at DESC, id DESC) INCLUDE (author_id) WHERE deleted_at IS NULL AND visibility = 'public';
CREATE INDEX posts_room ON posts (room, created_at DESC, id DESC) WHERE deleted_at IS NULL AND visibility = 'public' AND room IS NOT NULL;
CREATE INDEX posts_style ON posts (style, created_at DESC, id DESC) WHERE deleted_at IS NULL AND visibility = 'public' AND style IS NOT NULL;
CREATE INDEX posts_caption ON posts USING gin (caption gin_trgm_ops) WHERE deleted_at IS NULL AND visibility = 'public';
-- What waits to be purged, for the erasure of its author's account.
CREATE INDEX posts_deleted ON posts (author_id) WHERE deleted_at IS NOT NULL;

CREATE TABLE post_images (
    post_id  uuid NOT NULL CONSTRAINT post_images_post REFERENCES posts ON DELETE CASCADE,
    position smallint NOT NULL,
    photo_id uuid NOT NULL CONSTRAINT post_images_photo UNIQUE, -- of uploads
    alt      text,                                -- null: what the upload says
    PRIMARY KEY (post_id, position)
);

-- Pins: what stands where on the upright photo.
CREATE TABLE post_product_tags (
    post_id    uuid NOT NULL CONSTRAINT post_product_tags_post REFERENCES posts ON DELETE CASCADE,
    photo_id   uuid NOT NULL,
    position   smallint NOT NULL,
    x          double precision NOT NULL CONSTRAINT post_product_tags_x CHECK (x BETWEEN 0 AND 1),
    y          double precision NOT NULL CONSTRAINT post_product_tags_y CHECK (y BETWEEN 0 AND 1),
    product_id uuid,                              -- of products
    label      text NOT NULL DEFAULT '',
    PRIMARY KEY (post_id, photo_id, position)
);
CREATE INDEX post_product_tags_product ON post_product_tags (product_id, post_id DESC) WHERE product_id IS NOT NULL;

CREATE TABLE post_tags (
    post_id  uuid NOT NULL CONSTRAINT post_tags_post REFERENCES posts ON DELETE CASCADE,
    tag      text NOT NULL,                       -- NFKC, lower case, without #
    position smallint NOT NULL,
    PRIMARY KEY (post_id, tag)
);
CREATE INDEX post_tags_tag ON post_tags (tag, post_id DESC);

CREATE TABLE post_likes (
    post_id    uuid NOT NULL CONSTRAINT post_likes_post REFERENCES posts ON DELETE CASCADE,
    user_id    uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (post_id, user_id)
);
CREATE INDEX post_likes_newest ON post_likes (post_id, created_at DESC, user_id DESC);
CREATE INDEX post_likes_user ON post_likes (user_id, post_id);

CREATE TABLE post_saves (
    post_id    uuid NOT NULL CONSTRAINT post_saves_post REFERENCES posts ON DELETE CASCADE,
    user_id    uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (post_id, user_id)
);
CREATE INDEX post_saves_newest ON post_saves (user_id, created_at DESC, post_id DESC);

CREATE TABLE post_comments (
    id         uuid PRIMARY KEY,
    post_id    uuid NOT NULL CONSTRAINT post_comments_post REFERENCES posts ON DELETE CASCADE,
    author_id  uuid NOT NULL,
    parent_id  uuid CONSTRAINT post_comments_parent REFERENCES post_comments ON DELETE CASCADE,
    text       text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    edited_at  timestamptz,
    deleted_at timestamptz                        -- the text is gone then; the row keeps the place of its replies
);
CREATE INDEX post_comments_oldest ON post_comments (post_id, created_at, id);
CREATE INDEX post_comments_parent ON post_comments (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX post_comments_author ON post_comments (author_id) WHERE deleted_at IS NULL;
