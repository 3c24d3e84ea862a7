-- +goose Up
ALTER TABLE users ADD COLUMN cover_id uuid;
-- What to keep in view where a photo is cropped, in 0..1 from the left and the top of the upright photo; null: the middle.
ALTER TABLE post_images
    ADD COLUMN focal_x double precision CONSTRAINT post_images_focal_x CHECK (focal_x BETWEEN 0 AND 1),
    ADD COLUMN focal_y double precision CONSTRAINT post_images_focal_y CHECK (focal_y BETWEEN 0 AND 1 AND (focal_x IS NULL) = (focal_y IS NULL));

-- +goose Down
SELECT 'migrations only go forward';
