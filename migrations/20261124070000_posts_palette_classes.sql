-- +goose Up
-- Palettes are found by how much of the picture a colour has too. What is kept is derived: the walk makes it anew, 500 posts a step.
DELETE FROM post_palettes;
UPDATE post_palette_walk SET after = '00000000-0000-0000-0000-000000000000', ended_at = NULL;

-- +goose Down
SELECT 'migrations only go forward';
