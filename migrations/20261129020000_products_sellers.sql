-- +goose Up

-- How those stand who offer something. What a suspended seller offers is not on sale.
CREATE TABLE product_sellers (
    seller_id uuid PRIMARY KEY,
    suspended boolean NOT NULL
);

-- +goose Down
SELECT 'migrations only go forward';
