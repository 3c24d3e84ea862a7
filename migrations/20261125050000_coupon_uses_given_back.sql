-- +goose Up
-- A use that was given back is remembered: money that comes late for its order takes it again, if it still is to be had.
ALTER TABLE coupon_uses ADD COLUMN given_back boolean NOT NULL DEFAULT false;

-- +goose Down
SELECT 'migrations only go forward';
