-- +goose Up
CREATE TABLE notifications (
    id           uuid PRIMARY KEY,
    recipient_id uuid        NOT NULL,
    type         text        NOT NULL,
    subject_type text        NOT NULL,
    subject_id   uuid        NOT NULL,
    actor_id     uuid        NOT NULL, -- the nil id where nobody acted, so that the unique index covers it
    cause_id     uuid        NOT NULL, -- the event, where one subject can have several (parcels, refunds); else the nil id
    facts        jsonb       NOT NULL DEFAULT '{}',
    read_at      timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT notifications_once UNIQUE (recipient_id, type, subject_type, subject_id, actor_id, cause_id)
);
-- The list of a person, newest first, and the number of unread ones.
CREATE INDEX notifications_by_recipient ON notifications (recipient_id, id DESC);
CREATE INDEX notifications_unread ON notifications (recipient_id) WHERE read_at IS NULL;
-- What disappears with its subject or its actor.
CREATE INDEX notifications_by_subject ON notifications (subject_id);
CREATE INDEX notifications_by_post ON notifications ((facts->>'post_id')) WHERE subject_type = 'comment';
CREATE INDEX notifications_by_actor ON notifications (actor_id);

CREATE TABLE devices (
    user_id         uuid        NOT NULL,
    installation_id text        NOT NULL CONSTRAINT devices_installation_length CHECK (length(installation_id) BETWEEN 1 AND 128),
    platform        text        NOT NULL CONSTRAINT devices_platform CHECK (platform IN ('ios', 'android', 'web')),
    token           text        NOT NULL,
    locale          text        NOT NULL,
    timezone        text        NOT NULL,
    updated_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, installation_id),
    CONSTRAINT devices_token_once UNIQUE (token) -- a token belongs to one person at a time
);

CREATE TABLE notification_settings (
    user_id uuid   PRIMARY KEY,
    types   jsonb  NOT NULL DEFAULT '{}',
    version bigint NOT NULL DEFAULT 1
);

-- +goose Down
SELECT 'migrations only go forward';
