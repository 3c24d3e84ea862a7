-- +goose NO TRANSACTION
-- +goose Up

-- What is left to be folded.
CREATE INDEX CONCURRENTLY IF NOT EXISTS product_listings_unfolded ON product_listings (product_id) WHERE folded_at IS NULL;

-- +goose Down
SELECT 'migrations only go forward';
