-- +goose Up
CREATE EXTENSION IF NOT EXISTS pg_trgm;

CREATE TABLE categories (
    slug        text PRIMARY KEY,
    parent_slug text CONSTRAINT categories_parent REFERENCES categories (slug),
    name        text NOT NULL,
    position    integer NOT NULL DEFAULT 0
);
INSERT INTO categories (slug, name, position) VALUES
    ('lighting', 'Lighting', 1), ('seating', 'Seating', 2), ('tables', 'Tables', 3), ('storage', 'Storage', 4),
    ('textiles', 'Textiles', 5), ('decor', 'Decor', 6), ('outdoor', 'Outdoor', 7);

CREATE TABLE products (
    id             uuid PRIMARY KEY,
    seller_id      uuid NOT NULL,
    slug           text NOT NULL,
    name           text NOT NULL,
    brand          text NOT NULL DEFAULT '',
    description    text NOT NULL DEFAULT '',
    category_slug  text NOT NULL CONSTRAINT products_category REFERENCES categories (slug),
    status         text NOT NULL CONSTRAINT products_status CHECK (status IN ('draft', 'active')),
    width_mm       integer CONSTRAINT products_width CHECK (width_mm > 0),
    depth_mm       integer CONSTRAINT products_depth CHECK (depth_mm > 0),
    height_mm      integer CONSTRAINT products_height CHECK (height_mm > 0),
    price_amount   bigint,                        -- the lowest of its variants; null while it has none
    price_currency text,
    search         tsvector NOT NULL DEFAULT '',  -- folded words: name A, brand, category and tags B, description C
    version        bigint NOT NULL DEFAULT 1,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    deleted_at     timestamptz
);
CREATE UNIQUE INDEX products_slug_key ON products (slug) WHERE deleted_at IS NULL;
CREATE INDEX products_search ON products USING gin (search) WHERE status = 'active' AND deleted_at IS NULL;
CREATE INDEX products_newest ON products (id DESC) WHERE status = 'active' AND deleted_at IS NULL;
CREATE INDEX products_by_category ON products (category_slug, id DESC) WHERE status = 'active' AND deleted_at IS NULL;
CREATE INDEX products_by_brand ON products (lower(brand), id DESC) WHERE status = 'active' AND deleted_at IS NULL;
-- What has no price comes last in either direction.
CREATE INDEX products_cheapest ON products ((coalesce(price_amount, 9223372036854775807)), id DESC) WHERE status = 'active' AND deleted_at IS NULL;
CREATE INDEX products_dearest ON products ((coalesce(price_amount, -1)) DESC, id DESC) WHERE status = 'active' AND deleted_at IS NULL;

-- Slugs that products had before; they redirect.
CREATE TABLE product_slugs (
    slug       text PRIMARY KEY,
    product_id uuid NOT NULL,
    retired_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX product_slugs_by_product ON product_slugs (product_id);

CREATE TABLE product_tags (
    product_id uuid NOT NULL,
    tag        text NOT NULL,
    PRIMARY KEY (product_id, tag)
);

CREATE TABLE product_photos (
    product_id uuid NOT NULL,
    photo_id   uuid NOT NULL,
    position   integer NOT NULL,
    PRIMARY KEY (product_id, photo_id)
);

-- Every word that a product was ever found by: what a mistyped word may have meant.
CREATE TABLE product_words (word text PRIMARY KEY);
CREATE INDEX product_words_alike ON product_words USING gin (word gin_trgm_ops);
CREATE INDEX product_words_prefix ON product_words (word text_pattern_ops);
CREATE INDEX product_words_shape ON product_words (left(word, 1), length(word));

CREATE TABLE product_variants (
    id                uuid PRIMARY KEY,
    product_id        uuid NOT NULL,
    sku               text NOT NULL,
    name              text NOT NULL DEFAULT '',
    options           jsonb NOT NULL DEFAULT '{}',
    price_amount      bigint NOT NULL CONSTRAINT product_variants_price CHECK (price_amount >= 0),
    price_currency    text NOT NULL CONSTRAINT product_variants_currency CHECK (price_currency ~ '^[A-Z]{3}$'),
    compare_at_amount bigint CONSTRAINT product_variants_compare_at CHECK (compare_at_amount > price_amount),
    on_hand           bigint NOT NULL DEFAULT 0,
    reserved          bigint NOT NULL DEFAULT 0,
    version           bigint NOT NULL DEFAULT 1,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,
    deleted_at        timestamptz,
    CONSTRAINT product_variants_on_hand CHECK (on_hand >= 0),
    CONSTRAINT product_variants_reserved CHECK (reserved BETWEEN 0 AND on_hand)
);
CREATE UNIQUE INDEX product_variants_sku_key ON product_variants (sku) WHERE deleted_at IS NULL;
CREATE INDEX product_variants_by_product ON product_variants (product_id, price_amount) WHERE deleted_at IS NULL;
CREATE INDEX product_variants_by_color ON product_variants (lower(options ->> 'color')) WHERE deleted_at IS NULL;
-- Stock moves with every order: room on the page keeps those updates out of the indexes.
ALTER TABLE product_variants SET (fillfactor = 70);

-- The ledger of stock. The sums of a variant's deltas are its levels.
CREATE TABLE stock_movements (
    id             uuid PRIMARY KEY,
    variant_id     uuid NOT NULL,
    kind           text NOT NULL CONSTRAINT stock_movements_kind CHECK (kind IN ('adjust', 'reserve', 'release', 'sell', 'restock')),
    on_hand_delta  bigint NOT NULL,
    reserved_delta bigint NOT NULL,
    reason         text NOT NULL DEFAULT '',
    reference      uuid,                          -- the order it belongs to
    actor_id       uuid,                          -- who adjusted
    created_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX stock_movements_by_variant ON stock_movements (variant_id, id);
CREATE INDEX stock_movements_by_reference ON stock_movements (reference) WHERE reference IS NOT NULL;

-- +goose StatementBegin
CREATE FUNCTION stock_movements_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'stock_movements is only appended to';
END $$;
-- +goose StatementEnd
CREATE TRIGGER stock_movements_append_only BEFORE UPDATE OR DELETE ON stock_movements
    FOR EACH ROW EXECUTE FUNCTION stock_movements_append_only();

CREATE TABLE price_history (
    id         uuid PRIMARY KEY,
    variant_id uuid NOT NULL,
    amount     bigint NOT NULL,
    currency   text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX price_history_by_variant ON price_history (variant_id, changed_at DESC);

CREATE TABLE recently_viewed (
    user_id    uuid NOT NULL,
    product_id uuid NOT NULL,
    viewed_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, product_id)
);
CREATE INDEX recently_viewed_by_user ON recently_viewed (user_id, viewed_at DESC, product_id DESC);

-- +goose Down
SELECT 'migrations only go forward';
