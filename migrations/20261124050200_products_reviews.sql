-- +goose Up
-- What people who bought a product say about it: one review of each line of an order.
CREATE TABLE product_reviews (
    id         uuid PRIMARY KEY,
    product_id uuid NOT NULL,
    line_id    uuid NOT NULL,              -- of orders: what was bought
    author_id  uuid NOT NULL,
    rating     smallint NOT NULL CONSTRAINT product_reviews_rating CHECK (rating BETWEEN 1 AND 5),
    text       text NOT NULL DEFAULT '',
    photos     jsonb NOT NULL DEFAULT '[]', -- ids of uploads, in order
    version    bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    edited_at  timestamptz
);
CREATE UNIQUE INDEX product_reviews_once ON product_reviews (line_id);
CREATE INDEX product_reviews_newest ON product_reviews (product_id, id DESC);
CREATE INDEX product_reviews_by_author ON product_reviews (author_id);

-- What reviews said before they were edited.
CREATE TABLE product_review_versions (
    review_id  uuid NOT NULL CONSTRAINT product_review_versions_review REFERENCES product_reviews ON DELETE CASCADE,
    version    bigint NOT NULL,
    rating     smallint NOT NULL,
    text       text NOT NULL,
    written_at timestamptz NOT NULL,
    PRIMARY KEY (review_id, version)
);

-- The sums of a product's ratings, kept in the transaction of each review: whole numbers, so the average is exact.
CREATE TABLE product_ratings (
    product_id uuid PRIMARY KEY,
    count      bigint NOT NULL CONSTRAINT product_ratings_count CHECK (count >= 0),
    sum        bigint NOT NULL CONSTRAINT product_ratings_sum CHECK (sum BETWEEN count AND 5 * count)
);

-- +goose Down
SELECT 'migrations only go forward';
