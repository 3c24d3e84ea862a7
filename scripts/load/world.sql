-- The load test's world, straight into the tables: people who follow 50 others each, posts with 1-4 photos and a pin, likes,
-- comments, products. Run by world.sh with psql: -v users=10000 -v posts=100000 -v products=5000 -v followed=50
\set ON_ERROR_STOP on
SET synchronous_commit = off; -- only while filling
SET session_replication_role = replica; -- foreign keys are not asked row by row; what is counted is compared at the end

-- An id of version 7 at a moment (milliseconds since 1970), the same for the same seed. Each function is one expression, which PostgreSQL
-- writes into the statement: called, they would take most of the time.
CREATE FUNCTION pg_temp.v7(ms bigint, seed text) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT (lpad(to_hex(ms), 12, '0') || '7' || substr(md5(seed), 1, 3) || '8' || substr(md5(seed), 4, 15))::uuid
$$;
CREATE FUNCTION pg_temp.person(n bigint) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT pg_temp.v7(1767225600000 + n * 1000, 'person ' || n) -- 2026-01-01, and one a second
$$;
CREATE FUNCTION pg_temp.thing(n bigint) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT pg_temp.v7(1767312000000 + n * 1000, 'thing ' || n) -- 2026-01-02
$$;
CREATE FUNCTION pg_temp.post(n bigint) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT pg_temp.v7(1769904000000 + n * 10000, 'post ' || n) -- 2026-02-01, and one every ten seconds
$$;
CREATE FUNCTION pg_temp.picture(seed text) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT pg_temp.v7(1768435200000, 'picture ' || seed) -- 2026-01-15
$$;

INSERT INTO users (id, handle, display_name, avatar_id, email, email_verified)
SELECT pg_temp.person(n), 'walker' || n, 'Walker ' || n, pg_temp.picture('avatar ' || n), 'walker' || n || '@atrium.test', true
FROM generate_series(0, :users - 1) n;
INSERT INTO identities (id, user_id, provider, subject, email, email_verified)
SELECT pg_temp.v7(1767225600000, 'identity ' || n), pg_temp.person(n), 'google', 'world-' || n, 'walker' || n || '@atrium.test', true
FROM generate_series(0, :users - 1) n;
INSERT INTO user_consents (user_id, document, version) SELECT pg_temp.person(n), 'terms', '2026-01' FROM generate_series(0, :users - 1) n;
-- Everybody follows 50 others, spread over the whole.
INSERT INTO user_follows (follower_id, followee_id)
SELECT pg_temp.person(n), pg_temp.person((n + k * (:users / 53) + 1) % :users) FROM generate_series(0, :users - 1) n, generate_series(1, 50) k;
-- The first 500 follow more, where they are to.
INSERT INTO user_follows (follower_id, followee_id)
SELECT pg_temp.person(n), pg_temp.person((n + k) % :users) FROM generate_series(0, 499) n, generate_series(1, :followed) k
WHERE :followed > 50 ON CONFLICT DO NOTHING;
UPDATE users u SET following = c.n FROM (SELECT follower_id, count(*) n FROM user_follows GROUP BY 1) c WHERE c.follower_id = u.id;
UPDATE users u SET followers = c.n FROM (SELECT followee_id, count(*) n FROM user_follows GROUP BY 1) c WHERE c.followee_id = u.id;

INSERT INTO products (id, seller_id, slug, name, brand, description, category_slug, status, price_amount, price_currency, created_at, updated_at)
SELECT pg_temp.thing(n), pg_temp.person(0), 'thing-' || n, name, brand, 'Well made.', category, 'active', 1000 + n % 9000, 'EUR', now(), now()
FROM (SELECT n, (ARRAY['Oak','Linen','Brass','Wool','Glass','Walnut','Paper','Clay'])[1 + n % 8] || ' ' ||
        (ARRAY['lamp','chair','table','shelf','rug','vase','bench'])[1 + (n / 8) % 7] || ' ' || n AS name,
        'Brand ' || n % 40 AS brand,
        (ARRAY['lighting','seating','tables','storage','textiles','decor','outdoor'])[1 + (n / 8) % 7] AS category
    FROM generate_series(0, :products - 1) n) p;
INSERT INTO product_listings (product_id, visible, in_stock, category_slug, price_amount, price_currency, brand, brand_key, name_key, heading, search, folded_at)
SELECT id, true, true, category_slug, price_amount, price_currency, brand, lower(brand), lower(name), heading, strip(heading || to_tsvector('simple', description)), now()
FROM products CROSS JOIN LATERAL (
    SELECT setweight(to_tsvector('simple', name), 'A') || setweight(to_tsvector('simple', brand || ' ' || category_slug), 'B') AS heading) h;
INSERT INTO product_variants (id, product_id, sku, name, price_amount, price_currency, on_hand, created_at, updated_at)
SELECT pg_temp.v7(1767398400000, 'variant ' || n), pg_temp.thing(n), 'SKU-' || n, 'Standard', 1000 + n % 9000, 'EUR', 100000, now(), now()
FROM generate_series(0, :products - 1) n;
INSERT INTO stock_movements (id, variant_id, kind, on_hand_delta, reserved_delta, reason)
SELECT pg_temp.v7(1767484800000, 'movement ' || n), pg_temp.v7(1767398400000, 'variant ' || n), 'adjust', 100000, 0, 'the world begins' FROM generate_series(0, :products - 1) n;
INSERT INTO product_words (word) SELECT DISTINCT unnest(tsvector_to_array(search)) FROM product_listings ON CONFLICT DO NOTHING;

-- Every post has two likes and a comment.
INSERT INTO posts (id, author_id, caption, room, visibility, like_count, comment_count, created_at, updated_at)
SELECT pg_temp.post(n), pg_temp.person(n % :users), 'A room, number ' || n, (ARRAY['living','bedroom','kitchen','office'])[1 + n % 4], 'public', 2, 1, at, at
FROM (SELECT n, '2026-02-01'::timestamptz + n * interval '10 seconds' AS at FROM generate_series(0, :posts - 1) n) p;
UPDATE users u SET posts = c.n FROM (SELECT author_id, count(*) n FROM posts GROUP BY 1) c WHERE c.author_id = u.id;
INSERT INTO post_images (post_id, position, photo_id)
SELECT pg_temp.post(n), k, pg_temp.picture('post ' || n || ' ' || k) FROM generate_series(0, :posts - 1) n, LATERAL generate_series(0, n % 4) k;
INSERT INTO post_product_tags (post_id, photo_id, position, x, y, product_id, label)
SELECT pg_temp.post(n), pg_temp.picture('post ' || n || ' 0'), 0, 0.5, 0.5, pg_temp.thing(n % :products), 'this' FROM generate_series(0, :posts - 1) n;

INSERT INTO uploads (id, owner_id, status, content_type, bytes, sha256, quarantine_key, photo_key, public_key, audience, width, height, blurhash,
    palette, sizes, expires_at, ended_at, used_at)
SELECT id, owner, 'ready', 'image/jpeg', 300000, sha256(id::text::bytea), 'quarantine/' || id, 'k' || id, 'p' || id, 'everybody', 1600, 1200,
    'LEHV6nWB2yk8pyo0adR*.7kCMdnj', '[{"color": "#c9b79c", "weight": 0.6}, {"color": "#2f4f4f", "weight": 0.4}]', '[200, 640, 1080, 1600]', now(), now(), now()
FROM (
    SELECT pg_temp.picture('avatar ' || n) AS id, pg_temp.person(n) AS owner FROM generate_series(0, :users - 1) n
    UNION ALL SELECT photo_id, p.author_id FROM post_images i JOIN posts p ON p.id = i.post_id
) u;

INSERT INTO post_likes (post_id, user_id)
SELECT pg_temp.post(n % :posts), pg_temp.person((n * 7 + n / :posts) % :users) FROM generate_series(0, 2 * :posts - 1) n;
INSERT INTO post_comments (id, post_id, author_id, text)
SELECT pg_temp.v7(1772323200000 + n * 1000, 'comment ' || n), pg_temp.post(n), pg_temp.person((n * 3) % :users), 'How lovely!'
FROM generate_series(0, :posts - 1) n;
DO $$ BEGIN
    ASSERT (SELECT count(*) FROM posts p JOIN post_likes l ON l.post_id = p.id JOIN users u ON u.id = l.user_id) = (SELECT sum(like_count) FROM posts);
    ASSERT (SELECT count(*) FROM posts p JOIN post_comments c ON c.post_id = p.id JOIN users u ON u.id = c.author_id) = (SELECT sum(comment_count) FROM posts);
    ASSERT (SELECT count(*) FROM post_images i JOIN posts p ON p.id = i.post_id JOIN uploads u ON u.id = i.photo_id) = (SELECT count(*) FROM post_images);
    ASSERT (SELECT count(*) FROM post_product_tags t JOIN posts p ON p.id = t.post_id JOIN products x ON x.id = t.product_id) = (SELECT count(*) FROM posts);
END $$;
VACUUM ANALYZE;
