-- +goose Up
-- A search by relevance ranks what has a word in its heading and leaves the rest in order of age. Heading and search are in one index, so
-- that it finds what has both whatever the planner expects of either. Searches go on while it is made, and wait only for its name.
CREATE INDEX product_listings_match_next ON product_listings USING gin (search, heading, colors, materials) WITH (fastupdate = off) WHERE visible;
DROP INDEX product_listings_match;
ALTER INDEX product_listings_match_next RENAME TO product_listings_match;

-- +goose Down
SELECT 'migrations only go forward';
