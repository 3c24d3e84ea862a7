-- +goose Up

-- The buyer was erased: the address goes as soon as nothing more is sent to it.
ALTER TABLE orders ADD COLUMN scrub_address boolean NOT NULL DEFAULT false;
CREATE INDEX orders_scrub_address ON orders (status) WHERE scrub_address;

-- +goose Down
SELECT 'migrations only go forward';
