-- +goose NO TRANSACTION
-- +goose Up

-- Prices are compared within one currency.
CREATE INDEX CONCURRENTLY IF NOT EXISTS product_listings_by_currency ON product_listings (price_currency, price_amount, product_id) WHERE visible;

-- +goose Down
SELECT 'migrations only go forward';
