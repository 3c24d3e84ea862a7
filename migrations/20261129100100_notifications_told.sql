-- +goose Up
-- What is told is asked at every turn, and told once by each channel.
ALTER TABLE notifications
    ADD COLUMN withdrawn_at timestamptz,                        -- its cause is gone: in neither list nor count
    ADD COLUMN told_at      timestamptz DEFAULT now(),          -- given to the channels; null: to be told as soon as it is so. Rows that are there, and those of a build before, are told
    ADD COLUMN deliveries   jsonb       NOT NULL DEFAULT '{}',  -- by "mail" or "push:<installation>" the task that tells
    ADD COLUMN delivered_at timestamptz,                        -- the first of those
    ADD COLUMN mail_waits   boolean     NOT NULL DEFAULT false; -- for the mail at the end of the hour

-- The mails about one post to one person: at most one an hour.
CREATE TABLE notification_mails (
    recipient_id uuid        NOT NULL,
    post_id      uuid        NOT NULL,
    task_id      uuid        NOT NULL, -- that sent the last
    mailed_at    timestamptz NOT NULL DEFAULT now(),
    digest_at    timestamptz,          -- when what waits is mailed; null: nothing waits
    CONSTRAINT notification_mails_pkey PRIMARY KEY (recipient_id, post_id)
);

-- +goose Down
SELECT 'migrations only go forward';
