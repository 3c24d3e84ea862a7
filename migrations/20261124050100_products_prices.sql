-- +goose Up
-- A variant has one price, and may have a lower one for a while. Which of them is asked, the database's clock decides.
ALTER TABLE product_variants
    ADD COLUMN sale_amount bigint,
    ADD COLUMN sale_from   timestamptz, -- null: at once
    ADD COLUMN sale_until  timestamptz, -- null: until further notice
    ADD COLUMN price_edge  timestamptz, -- when the price asked changes next; null: not that we know
    ADD CONSTRAINT product_variants_sale CHECK (sale_amount >= 0 AND sale_amount < price_amount),
    ADD CONSTRAINT product_variants_sale_window CHECK (sale_until > sale_from);
CREATE INDEX product_variants_by_edge ON product_variants (price_edge) WHERE price_edge IS NOT NULL AND deleted_at IS NULL;

-- The price asked now.
-- +goose StatementBegin
CREATE FUNCTION price_now(v product_variants) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN v.sale_amount IS NOT NULL AND now() >= coalesce(v.sale_from, '-infinity') AND now() < coalesce(v.sale_until, 'infinity')
        THEN v.sale_amount ELSE v.price_amount END
$$;

-- The lowest price asked in the 30 days before the present one took effect; null where the present one is the first.
-- price_history also knows what is to come: the edges of a window are written down when it is set.
CREATE FUNCTION price_lowest_before(v product_variants) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT min(h.amount) FROM (
        SELECT id, changed_at FROM price_history WHERE variant_id = v.id AND changed_at <= now() ORDER BY changed_at DESC, id DESC LIMIT 1
    ) present JOIN price_history h ON h.variant_id = v.id AND h.currency = v.price_currency
        AND (h.changed_at, h.id) < (present.changed_at, present.id)
        AND h.changed_at >= coalesce((SELECT max(changed_at) FROM price_history
            WHERE variant_id = v.id AND changed_at <= present.changed_at - interval '30 days'), '-infinity')
$$;
-- +goose StatementEnd

ALTER TABLE product_listings ADD COLUMN price_currency text;
UPDATE product_listings l SET price_currency = p.price_currency FROM products p WHERE p.id = l.product_id;

-- +goose Down
SELECT 'migrations only go forward';
