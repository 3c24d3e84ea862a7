-- +goose Up
ALTER TABLE products
    ADD COLUMN materials text[] NOT NULL DEFAULT '{}',
    ADD COLUMN weight_g  integer CONSTRAINT products_weight CHECK (weight_g > 0);

-- What search reads: one narrow row for each product that is not deleted, kept in the transaction of whatever it is made of.
-- The row's lock comes after those of the product and its variants (docs/adr/0050).
CREATE TABLE product_listings (
    product_id    uuid PRIMARY KEY,
    visible       boolean NOT NULL,            -- on sale: the indexes hold nothing else
    in_stock      boolean NOT NULL DEFAULT false, -- stock moves it: no index has it, so the row stays where it is
    category_slug text NOT NULL,
    price_amount  bigint,                      -- the lowest of its variants; null while it has none
    width_mm      integer,
    depth_mm      integer,
    height_mm     integer,
    brand         text NOT NULL DEFAULT '',
    brand_key     text NOT NULL DEFAULT '',    -- folded, as are the keys below
    name_key      text NOT NULL DEFAULT '',
    colors        text[] NOT NULL DEFAULT '{}',
    materials     text[] NOT NULL DEFAULT '{}',
    heading       tsvector NOT NULL DEFAULT '', -- name A, brand, category, tags and materials B: what ranks
    search        tsvector NOT NULL DEFAULT ''  -- heading, the options of variants and the description: what matches
) WITH (fillfactor = 90);
-- Which words are frequent decides how a search is carried out.
ALTER TABLE product_listings ALTER COLUMN search SET STATISTICS 1000;

INSERT INTO product_listings (product_id, visible, in_stock, category_slug, price_amount, width_mm, depth_mm, height_mm, brand,
        brand_key, name_key, colors, heading, search)
    SELECT p.id, p.status = 'active',
        EXISTS (SELECT 1 FROM product_variants v WHERE v.product_id = p.id AND v.deleted_at IS NULL AND v.on_hand > v.reserved),
        p.category_slug, p.price_amount, p.width_mm, p.depth_mm, p.height_mm, p.brand, lower(p.brand), lower(p.name),
        ARRAY(SELECT DISTINCT lower(v.options ->> 'color') FROM product_variants v
            WHERE v.product_id = p.id AND v.deleted_at IS NULL AND v.options ->> 'color' <> ''),
        ts_filter(p.search, '{a,b}'), p.search
    FROM products p WHERE p.deleted_at IS NULL;

CREATE INDEX product_listings_match ON product_listings USING gin (search, colors, materials) WITH (fastupdate = off) WHERE visible;
CREATE INDEX product_listings_newest ON product_listings (product_id DESC) WHERE visible;
CREATE INDEX product_listings_by_category ON product_listings (category_slug, product_id DESC) WHERE visible;
CREATE INDEX product_listings_by_brand ON product_listings (brand_key text_pattern_ops, product_id DESC) WHERE visible;
CREATE INDEX product_listings_by_name ON product_listings (name_key text_pattern_ops) WHERE visible;
-- What has no price comes last in either direction.
CREATE INDEX product_listings_cheapest ON product_listings ((coalesce(price_amount, 9223372036854775807)), product_id DESC) WHERE visible;
CREATE INDEX product_listings_dearest ON product_listings ((coalesce(price_amount, -1)) DESC, product_id DESC) WHERE visible;

-- What brands there are, by their folded names.
CREATE TABLE product_brands (
    key  text PRIMARY KEY,
    name text NOT NULL
);
CREATE INDEX product_brands_prefix ON product_brands (key text_pattern_ops);
INSERT INTO product_brands (key, name) SELECT brand_key, min(brand) FROM product_listings WHERE brand_key <> '' GROUP BY 1;

-- Every way to leave one letter out of a word, and the word itself: two words that share one are a slip of the finger apart.
CREATE TABLE product_slips (
    slip text NOT NULL,
    word text NOT NULL,
    PRIMARY KEY (slip, word)
);
INSERT INTO product_slips (slip, word)
    SELECT DISTINCT left(word, i - 1) || substr(word, i + 1), word FROM product_words, generate_series(1, char_length(word) + 1) AS i
    WHERE char_length(word) >= 3;

DROP INDEX product_words_shape;
DROP INDEX products_search, products_newest, products_by_category, products_by_brand, products_cheapest, products_dearest, product_variants_by_color;
ALTER TABLE products DROP COLUMN search;

-- +goose Down
SELECT 'migrations only go forward';
