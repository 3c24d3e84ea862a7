-- +goose Up

-- Tags are kept folded, as they are compared; shown is how they were typed. Rows of builds before have no shown: their tag is shown.
ALTER TABLE post_tags ADD COLUMN shown text;
ALTER TABLE post_tag_follows ADD COLUMN shown text;
CREATE INDEX post_tag_follows_unfolded ON post_tag_follows (user_id, tag) WHERE shown IS NULL;

-- The folded terms of the caption; null: not folded yet, then the caption itself is searched.
ALTER TABLE posts ADD COLUMN search text;
CREATE INDEX posts_search ON posts USING gin (search gin_trgm_ops) WHERE deleted_at IS NULL AND visibility = 'public';
CREATE INDEX posts_unfolded ON posts (id) WHERE search IS NULL;

-- A build before edits a caption without folding it.
-- +goose StatementBegin
CREATE FUNCTION posts_unfold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.search := NULL;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER posts_unfold BEFORE UPDATE OF caption ON posts FOR EACH ROW
    WHEN (NEW.caption IS DISTINCT FROM OLD.caption AND NEW.search IS NOT DISTINCT FROM OLD.search) EXECUTE FUNCTION posts_unfold();

-- +goose Down
SELECT 'migrations only go forward';
