-- +goose Up

-- How people are told of a coupon; empty: by its code. Whether the code was typed; null: a build before counted the use.
ALTER TABLE coupons ADD COLUMN name text NOT NULL DEFAULT '';
ALTER TABLE coupon_uses ADD COLUMN typed boolean;

-- +goose Down
SELECT 'migrations only go forward';
