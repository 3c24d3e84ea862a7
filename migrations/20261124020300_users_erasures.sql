-- +goose Up

-- Who asked to be erased, and how far that is. It outlives the person, so it holds no more of them than the id.
CREATE TABLE user_erasures (
    id           uuid PRIMARY KEY,
    user_id      uuid        NOT NULL,
    asked_at     timestamptz NOT NULL DEFAULT now(),
    erase_at     timestamptz NOT NULL,
    cancelled_at timestamptz,               -- they came back in time
    began_at     timestamptz,
    event_id     uuid,                      -- of users.deleted in the outbox: its subscribers are the other modules' steps
    finished_at  timestamptz
);
CREATE UNIQUE INDEX user_erasures_one_at_a_time ON user_erasures (user_id) WHERE cancelled_at IS NULL;
CREATE INDEX user_erasures_watched ON user_erasures (began_at) WHERE event_id IS NOT NULL AND finished_at IS NULL;

CREATE TABLE user_erasure_steps (
    erasure_id uuid NOT NULL REFERENCES user_erasures (id),
    step       text NOT NULL,
    done_at    timestamptz,
    CONSTRAINT user_erasure_steps_pkey PRIMARY KEY (erasure_id, step)
);

-- Whoever was leaving before this table was there.
INSERT INTO user_erasures (id, user_id, erase_at) SELECT gen_random_uuid(), id, erase_at FROM users WHERE erase_at IS NOT NULL AND erased_at IS NULL;

-- Somebody who cannot sign in asks for the accounts with an address to be erased. Kept for a day.
CREATE TABLE deletion_requests (
    id       uuid PRIMARY KEY,
    email    text        NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX deletion_requests_email ON deletion_requests (lower(email), asked_at);
CREATE INDEX deletion_requests_asked ON deletion_requests (asked_at);

-- The links that were mailed, one for each account, each good for once.
CREATE TABLE deletion_links (
    request_id uuid NOT NULL REFERENCES deletion_requests (id) ON DELETE CASCADE,
    user_id    uuid NOT NULL,
    used_at    timestamptz,
    CONSTRAINT deletion_links_pkey PRIMARY KEY (request_id, user_id)
);

-- +goose Down
SELECT 'migrations only go forward';
