-- +goose Up
-- People take turns: of each person's pictures only a few are with the workers at a time.
ALTER TABLE uploads
    ADD COLUMN weight    smallint NOT NULL DEFAULT 1, -- what the picture takes of the workers: 1 light, 2 heavy, 3 large
    ADD COLUMN queued_at timestamptz;                 -- handed to the workers; null while in processing: waits for its turn

-- +goose Down
SELECT 'migrations only go forward';
