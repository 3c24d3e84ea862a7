-- +goose Up
-- A search by relevance ranks what has a word in its heading and leaves the rest in order of age. Heading and search are in one index, so
-- that it finds what has both whatever the planner expects of either.
DROP INDEX product_listings_match;
CREATE INDEX product_listings_match ON product_listings USING gin (search, heading, colors, materials) WITH (fastupdate = off) WHERE visible;

-- +goose Down
SELECT 'migrations only go forward';
