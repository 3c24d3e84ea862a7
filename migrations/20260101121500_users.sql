-- +goose Up
CREATE TABLE users (
    id                    uuid PRIMARY KEY,
    handle                text        NOT NULL,
    display_name          text        NOT NULL,
    bio                   text        NOT NULL DEFAULT '',
    avatar_id             uuid,
    is_private            boolean     NOT NULL DEFAULT false,
    email                 text        NOT NULL DEFAULT '',
    email_verified        boolean     NOT NULL DEFAULT false,
    roles                 text[]      NOT NULL DEFAULT '{}',
    followers             bigint      NOT NULL DEFAULT 0,
    following             bigint      NOT NULL DEFAULT 0,
    posts                 bigint      NOT NULL DEFAULT 0,
    version               bigint      NOT NULL DEFAULT 1,
    handle_changed_at     timestamptz,
    handle_changed_before timestamptz,
    suspended_at          timestamptz,
    erase_at              timestamptz,
    erased_at             timestamptz,
    -- Gone for everybody else: suspended, leaving or erased.
    gone                  boolean     NOT NULL GENERATED ALWAYS AS (suspended_at IS NOT NULL OR erase_at IS NOT NULL) STORED,
    created_at            timestamptz NOT NULL DEFAULT now(),
    updated_at            timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT users_followers_check CHECK (followers >= 0),
    CONSTRAINT users_following_check CHECK (following >= 0),
    CONSTRAINT users_posts_check CHECK (posts >= 0)
);
CREATE INDEX users_email_idx ON users (lower(email)) WHERE email <> '';
CREATE INDEX users_erase_idx ON users (erase_at) WHERE erase_at IS NOT NULL AND erased_at IS NULL;
CREATE INDEX users_popular_idx ON users (followers DESC, id DESC) WHERE NOT gone;

-- Every handle that is somebody's now, or was until a while ago. The key is its skeleton: what it looks like.
CREATE TABLE user_handles (
    skeleton   text NOT NULL,
    handle     text NOT NULL,
    user_id    uuid NOT NULL REFERENCES users (id),
    expires_at timestamptz, -- null: the current one
    CONSTRAINT user_handles_pkey PRIMARY KEY (skeleton)
);
CREATE INDEX user_handles_user_idx ON user_handles (user_id);

CREATE TABLE user_settings (
    user_id     uuid PRIMARY KEY REFERENCES users (id),
    language    text        NOT NULL,
    measurement text        NOT NULL,
    currency    text        NOT NULL,
    version     bigint      NOT NULL DEFAULT 1,
    updated_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE user_consents (
    user_id   uuid        NOT NULL REFERENCES users (id),
    document  text        NOT NULL,
    version   text        NOT NULL,
    agreed_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT user_consents_pkey PRIMARY KEY (user_id, document, version)
);

CREATE TABLE user_follows (
    follower_id uuid        NOT NULL REFERENCES users (id),
    followee_id uuid        NOT NULL REFERENCES users (id),
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT user_follows_pkey PRIMARY KEY (follower_id, followee_id)
);
CREATE INDEX user_follows_followee_idx ON user_follows (followee_id, follower_id);
CREATE INDEX user_follows_newest_followers_idx ON user_follows (followee_id, created_at, follower_id);
CREATE INDEX user_follows_newest_following_idx ON user_follows (follower_id, created_at, followee_id);

CREATE TABLE follow_requests (
    follower_id uuid        NOT NULL REFERENCES users (id),
    followee_id uuid        NOT NULL REFERENCES users (id),
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT follow_requests_pkey PRIMARY KEY (follower_id, followee_id)
);
CREATE INDEX follow_requests_followee_idx ON follow_requests (followee_id, created_at, follower_id);

CREATE TABLE user_blocks (
    blocker_id uuid        NOT NULL REFERENCES users (id),
    blocked_id uuid        NOT NULL REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT user_blocks_pkey PRIMARY KEY (blocker_id, blocked_id)
);
CREATE INDEX user_blocks_blocked_idx ON user_blocks (blocked_id, blocker_id);
CREATE INDEX user_blocks_newest_idx ON user_blocks (blocker_id, created_at, blocked_id);

CREATE TABLE user_mutes (
    muter_id   uuid        NOT NULL REFERENCES users (id),
    muted_id   uuid        NOT NULL REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT user_mutes_pkey PRIMARY KEY (muter_id, muted_id)
);
CREATE INDEX user_mutes_newest_idx ON user_mutes (muter_id, created_at, muted_id);
