-- +goose Up

-- What a person wants to see nothing of: a tag, brand or style, or whatever has a word in it.
CREATE TABLE user_muted_terms (
    user_id    uuid        NOT NULL REFERENCES users (id),
    kind       text        NOT NULL CONSTRAINT user_muted_terms_kind CHECK (kind IN ('tag', 'brand', 'style', 'word')),
    term       text        NOT NULL, -- folded
    expires_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT user_muted_terms_pkey PRIMARY KEY (user_id, kind, term)
);
CREATE INDEX user_muted_terms_expiry_idx ON user_muted_terms (expires_at) WHERE expires_at IS NOT NULL;

-- Whom a person does not want suggested again.
CREATE TABLE user_dismissals (
    user_id      uuid        NOT NULL REFERENCES users (id),
    dismissed_id uuid        NOT NULL REFERENCES users (id),
    created_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT user_dismissals_pkey PRIMARY KEY (user_id, dismissed_id)
);
CREATE INDEX user_dismissals_dismissed_idx ON user_dismissals (dismissed_id);

ALTER TABLE user_settings ADD COLUMN area_unit text NOT NULL DEFAULT 'm2';
ALTER TABLE user_settings ADD COLUMN default_visibility text NOT NULL DEFAULT 'public';
ALTER TABLE user_settings ADD COLUMN quiet_from text; -- HH:MM; both or neither
ALTER TABLE user_settings ADD COLUMN quiet_to text;

-- +goose Down
SELECT 'migrations only go forward';
