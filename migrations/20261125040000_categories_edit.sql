-- +goose Up
ALTER TABLE categories ADD COLUMN version bigint NOT NULL DEFAULT 1;
-- The products of a category, for its name, and whether there are any.
CREATE INDEX products_by_category ON products (category_slug, id);

-- +goose Down
SELECT 'migrations only go forward';
