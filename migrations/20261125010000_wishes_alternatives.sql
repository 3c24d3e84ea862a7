-- +goose Up

-- Who keeps a product on a board, for the alerts about it.
CREATE INDEX board_items_product ON board_items (item_id) WHERE kind = 'product';
-- What lies around a price in a category, for what could be bought instead.
CREATE INDEX product_listings_around ON product_listings (category_slug, price_amount, product_id) WHERE visible;

-- +goose Down
SELECT 'migrations only go forward';
