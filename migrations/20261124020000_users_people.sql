-- +goose Up

-- A mute may end by itself.
ALTER TABLE user_mutes ADD COLUMN expires_at timestamptz;
CREATE INDEX user_mutes_expiry_idx ON user_mutes (expires_at) WHERE expires_at IS NOT NULL;

-- Skeletons are spelled out rather than drawn together: "vvv", "wv" and "vw" look alike, and only "vvvv" says so of all.
UPDATE user_handles SET skeleton = replace(replace(skeleton, 'm', 'rn'), 'w', 'vv');

-- +goose Down
SELECT 'migrations only go forward';
