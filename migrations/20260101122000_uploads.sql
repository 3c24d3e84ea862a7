-- +goose Up
-- A photo's id is its upload's id. One row is the whole life: the promise to upload, the check, the photo, its use, its end.
CREATE TABLE uploads (
    id             uuid        NOT NULL,
    owner_id       uuid        NOT NULL,
    status         text        NOT NULL DEFAULT 'pending',
    reason         text        NOT NULL DEFAULT '',         -- why it failed
    content_type   text        NOT NULL,
    bytes          bigint      NOT NULL,
    sha256         bytea       NOT NULL,
    quarantine_key text        NOT NULL,                    -- where the client puts the file
    photo_key      text        NOT NULL,                    -- random; the variants are below private/<photo_key>/
    public_key     text        NOT NULL DEFAULT '',         -- random; the copies for everybody are below public/<public_key>/; '' while there are none
    audience       text        NOT NULL DEFAULT 'some',
    width          integer     NOT NULL DEFAULT 0,          -- as stored in the file until ready, upright from then on
    height         integer     NOT NULL DEFAULT 0,
    alt            text        NOT NULL DEFAULT '',
    blurhash       text        NOT NULL DEFAULT '',
    palette        jsonb       NOT NULL DEFAULT '[]',
    sizes          jsonb       NOT NULL DEFAULT '[]',
    tries          integer     NOT NULL DEFAULT 0,          -- decodings begun that did not end well
    created_at     timestamptz NOT NULL DEFAULT now(),
    expires_at     timestamptz NOT NULL,                    -- of the signed PUT
    ended_at       timestamptz,                             -- became ready or failed
    used_at        timestamptz,                             -- claimed
    released_at    timestamptz,                             -- given up: the files go, then the row
    CONSTRAINT uploads_pkey PRIMARY KEY (id),
    CONSTRAINT uploads_status CHECK (status IN ('pending', 'processing', 'ready', 'failed')),
    CONSTRAINT uploads_audience CHECK (audience IN ('everybody', 'some')),
    CONSTRAINT uploads_bytes CHECK (bytes > 0),
    CONSTRAINT uploads_sha256 CHECK (length(sha256) = 32),
    CONSTRAINT uploads_tries CHECK (tries >= 0),
    CONSTRAINT uploads_extent CHECK (width >= 0 AND height >= 0),
    CONSTRAINT uploads_used CHECK (used_at IS NULL OR status = 'ready')
);

CREATE UNIQUE INDEX uploads_quarantine_key ON uploads (quarantine_key);
CREATE INDEX uploads_owner ON uploads (owner_id);
-- What the sweep looks through: everything that is not a photo in use.
CREATE INDEX uploads_unused ON uploads (created_at) WHERE used_at IS NULL;
CREATE INDEX uploads_released ON uploads (released_at) WHERE released_at IS NOT NULL;
