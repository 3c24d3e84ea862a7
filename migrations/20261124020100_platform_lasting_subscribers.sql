-- +goose Up

-- Who must hear of an event even while its module is switched off: written by every worker that starts with the module on.
CREATE TABLE lasting_subscribers (
    subscriber text PRIMARY KEY,
    event      text NOT NULL
);
CREATE INDEX lasting_subscribers_event ON lasting_subscribers (event);

-- +goose Down
SELECT 'migrations only go forward';
