-- +goose Up
ALTER TABLE sessions ADD COLUMN place text NOT NULL DEFAULT ''; -- where the content network last saw the device

-- Who caused an entry, where that is somebody else than the person it is about. Entries are read newest first.
ALTER TABLE auth_audit ADD COLUMN actor_id uuid;
CREATE INDEX auth_audit_person_idx ON auth_audit (user_id, id DESC);
CREATE INDEX auth_audit_event_idx ON auth_audit (event, id DESC);
DROP INDEX auth_audit_user_idx;

-- Notices of a provider that were heard already: they come at least once.
CREATE TABLE provider_notices (
    provider text        NOT NULL,
    notice   text        NOT NULL, -- its jti
    heard_at timestamptz NOT NULL,
    CONSTRAINT provider_notices_pkey PRIMARY KEY (provider, notice)
);
CREATE INDEX provider_notices_heard_idx ON provider_notices (heard_at);

-- +goose Down
SELECT 'migrations only go forward';
