-- +goose Up
CREATE TABLE sessions (
    id              uuid PRIMARY KEY,
    user_id         uuid        NOT NULL,
    kind            text        NOT NULL,           -- app, admin
    provider        text        NOT NULL,
    installation_id text        NOT NULL DEFAULT '',
    device_name     text        NOT NULL DEFAULT '',
    platform        text        NOT NULL DEFAULT '',
    app_version     text        NOT NULL DEFAULT '',
    generation      bigint      NOT NULL DEFAULT 0, -- of the newest refresh token
    generated_at    timestamptz NOT NULL,           -- when that one was made
    confirmed       boolean     NOT NULL DEFAULT false, -- it, or an access token that came with it, was seen
    cookie_hash     bytea,                          -- of admin sessions
    signed_in_at    timestamptz NOT NULL,
    last_seen_at    timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    ended_at        timestamptz,
    end_reason      text        NOT NULL DEFAULT '',
    CONSTRAINT sessions_kind_check CHECK (kind IN ('app', 'admin')),
    CONSTRAINT sessions_cookie_key UNIQUE (cookie_hash)
);
CREATE INDEX sessions_user_idx ON sessions (user_id, signed_in_at DESC);
CREATE INDEX sessions_expires_idx ON sessions (expires_at);

CREATE TABLE identities (
    id             uuid PRIMARY KEY,
    user_id        uuid        NOT NULL,
    provider       text        NOT NULL,
    subject        text        NOT NULL,
    email          text        NOT NULL DEFAULT '',
    email_verified boolean     NOT NULL DEFAULT false,
    provider_token bytea, -- Apple's refresh token, sealed: erasing the account revokes it
    provider_client text       NOT NULL DEFAULT '', -- the client id that the token was issued to
    created_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT identities_subject_key UNIQUE (provider, subject)
);
CREATE INDEX identities_user_idx ON identities (user_id);

CREATE TABLE nonces (
    hash       bytea PRIMARY KEY,
    expires_at timestamptz NOT NULL
);
CREATE INDEX nonces_expires_idx ON nonces (expires_at);

-- The redirect flow: a state while the person is at the provider, then a code until the app fetches its session.
CREATE TABLE oauth_states (
    hash           bytea PRIMARY KEY,
    kind           text        NOT NULL, -- app, admin, code
    provider       text        NOT NULL,
    redirect_uri   text        NOT NULL DEFAULT '',
    app_state      text        NOT NULL DEFAULT '',
    code_challenge text        NOT NULL DEFAULT '',
    nonce          text        NOT NULL DEFAULT '',
    user_id        uuid,
    expires_at     timestamptz NOT NULL,
    CONSTRAINT oauth_states_kind_check CHECK (kind IN ('app', 'admin', 'code'))
);
CREATE INDEX oauth_states_expires_idx ON oauth_states (expires_at);

CREATE TABLE signing_keys (
    kid        text PRIMARY KEY,
    public     bytea       NOT NULL,
    sealed     bytea       NOT NULL, -- the private part, under the master key
    active_at  timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- What access tokens must no longer open, until the last of them has expired.
CREATE TABLE revocations (
    session_id uuid        NOT NULL,
    before     timestamptz NOT NULL, -- tokens issued until then
    noted_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    CONSTRAINT revocations_pkey PRIMARY KEY (session_id)
);
CREATE INDEX revocations_noted_idx ON revocations (noted_at);
CREATE INDEX revocations_expires_idx ON revocations (expires_at);

CREATE TABLE auth_audit (
    id         uuid PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT now(),
    user_id    uuid        NOT NULL,
    session_id uuid,
    event      text        NOT NULL, -- signed_in, signed_out, revoked, reused, linked, unlinked, roles_changed
    detail     text        NOT NULL DEFAULT ''
);
CREATE INDEX auth_audit_user_idx ON auth_audit (user_id, at DESC);
CREATE INDEX auth_audit_at_idx ON auth_audit (at);
