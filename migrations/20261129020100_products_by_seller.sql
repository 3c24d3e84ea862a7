-- +goose NO TRANSACTION
-- +goose Up

CREATE INDEX CONCURRENTLY IF NOT EXISTS products_by_seller ON products (seller_id, id) WHERE deleted_at IS NULL;

-- +goose Down
SELECT 'migrations only go forward';
