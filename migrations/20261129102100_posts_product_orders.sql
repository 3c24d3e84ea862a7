-- +goose Up

-- The order in which posts with a product were shown to those who began at a moment, so that their next pages go on in it.
CREATE TABLE post_product_orders (
    product_id uuid NOT NULL,                     -- of products
    at         timestamptz NOT NULL,
    posts      uuid[] NOT NULL,
    PRIMARY KEY (product_id, at)
);

-- +goose Down
SELECT 'migrations only go forward';
