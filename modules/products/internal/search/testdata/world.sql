-- A catalogue of any size, always the same: set world.products first. Every word is lower case and Latin or Korean, so that
-- PostgreSQL folds it as the module does. Names draw from 3,000 words by Zipf's law, descriptions evenly.
CREATE TEMPORARY TABLE world_words ON COMMIT DROP AS
SELECT i, CASE WHEN i % 10 = 9
    THEN chr(44032 + (i * 7919) % 11172) || chr(44032 + (i * 104729) % 11172)
    ELSE (SELECT string_agg(substr('bdfghjklmnprst', 1 + n % 14, 1) || substr('aeiou', 1 + (n / 14) % 5, 1), '' ORDER BY place)
        FROM (VALUES (1, (i * 31 + 7) % 70), (2, (i * 17 + i / 70) % 70), (3, (i * 13 + i / 7) % 70)) AS s (place, n)) END AS word
FROM generate_series(0, 2999) AS i;
CREATE UNIQUE INDEX ON world_words (i);

DO $$ BEGIN PERFORM setseed(0.5); END $$;
-- A description is two of 3,000 sentences of 15 words.
CREATE TEMPORARY TABLE world_sentences ON COMMIT DROP AS
SELECT s, string_agg(word, ' ') AS sentence, to_tsvector('simple', string_agg(word, ' ')) AS vector
FROM (SELECT s, floor(random() * 3000)::int AS i FROM generate_series(0, 2999) AS s, generate_series(1, 15)) AS drawn JOIN world_words USING (i)
GROUP BY s;
CREATE TEMPORARY TABLE world_products ON COMMIT DROP AS
SELECT n, ('01930000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid AS id, x.word || ' ' || y.word || ' ' || z.word AS name,
    d.sentence || ' ' || e.sentence AS description, d.vector || e.vector AS described,
    'brand' || translate((n * 31 % 400)::text, '0123456789', 'abcdefghij') AS brand,
    (ARRAY['lighting', 'seating', 'tables', 'storage', 'textiles', 'decor', 'outdoor'])[1 + n % 7] AS category,
    (ARRAY['oak', 'steel', 'linen', 'glass', 'rattan'])[1 + n % 5] AS material,
    (ARRAY['black', 'white', 'green', 'brass', 'natural', 'blue'])[1 + n % 6] AS color
FROM (SELECT n, floor(power(3000, random()))::int % 3000 AS a, floor(power(3000, random()))::int % 3000 AS b,
        floor(power(3000, random()))::int % 3000 AS c, n % 3000 AS first, n * 7919::bigint % 2999 AS second
    FROM generate_series(1, current_setting('world.products')::int) AS n) AS drawn
JOIN world_words x ON x.i = a JOIN world_words y ON y.i = b JOIN world_words z ON z.i = c
JOIN world_sentences d ON d.s = first JOIN world_sentences e ON e.s = second;

INSERT INTO products (id, seller_id, slug, name, brand, description, category_slug, status, materials, width_mm, depth_mm, height_mm,
        price_amount, price_currency, created_at, updated_at)
    SELECT id, '01930000-0000-7000-8000-000000000000', 'world-' || n, name, brand, description, category, 'active', ARRAY[material],
        100 + n * 7 % 2000, 100 + n * 11 % 900, 100 + n * 13 % 2200, 500 + n * 7919::bigint % 200000, 'EUR', now(), now() FROM world_products;
INSERT INTO product_tags (product_id, tag) SELECT id, material FROM world_products;
INSERT INTO product_variants (id, product_id, sku, name, options, price_amount, price_currency, on_hand, created_at, updated_at)
    SELECT ('01930001-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, id, 'WORLD-' || n, color, jsonb_build_object('color', color),
        500 + n * 7919::bigint % 200000, 'EUR', n % 4, now(), now() FROM world_products;
-- An index is made in a fraction of the time that it takes to grow.
DO $$ BEGIN
    PERFORM set_config('world.match', (SELECT indexdef FROM pg_indexes WHERE indexname = 'product_listings_match'), true);
    DROP INDEX product_listings_match;
END $$;
INSERT INTO product_listings (product_id, visible, in_stock, category_slug, price_amount, price_currency, width_mm, depth_mm, height_mm, brand,
        brand_key, name_key, colors, materials, heading, search, folded_at)
    SELECT w.id, true, n % 4 > 0, w.category, p.price_amount, 'EUR', p.width_mm, p.depth_mm, p.height_mm, w.brand, w.brand, w.name,
        ARRAY[w.color], ARRAY[w.material], heading,
        strip(heading || w.described || to_tsvector('simple', w.color) || array_to_tsvector(ARRAY['=color ' || w.color, '=material ' || w.material])), now()
    FROM world_products w JOIN products p USING (id)
    CROSS JOIN LATERAL (SELECT setweight(to_tsvector('simple', w.name), 'A')
        || setweight(to_tsvector('simple', w.brand || ' ' || w.category || ' ' || w.material), 'B') AS heading) AS h;
INSERT INTO product_words (word) SELECT word FROM world_words
    UNION SELECT brand FROM world_products UNION SELECT category FROM world_products
    UNION SELECT material FROM world_products UNION SELECT color FROM world_products ON CONFLICT DO NOTHING;
INSERT INTO product_slips (slip, word)
    SELECT DISTINCT left(word, i - 1) || substr(word, i + 1), word FROM product_words, generate_series(1, char_length(word) + 1) AS i
    WHERE char_length(word) >= 3 ON CONFLICT DO NOTHING;
INSERT INTO product_brands (key, name) SELECT DISTINCT brand, brand FROM world_products ON CONFLICT DO NOTHING;
SET LOCAL maintenance_work_mem = '256MB';
DO $$ BEGIN EXECUTE current_setting('world.match'); END $$;
