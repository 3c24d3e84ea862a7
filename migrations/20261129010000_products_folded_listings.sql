-- +goose Up

-- When the texts of a listing were folded; null: by a build before, with another fold. A schedule folds those anew.
ALTER TABLE product_listings ADD COLUMN folded_at timestamptz;

-- A build before writes texts without saying when it folded them.
-- +goose StatementBegin
CREATE FUNCTION product_listings_unfold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.folded_at := NULL;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER product_listings_unfold BEFORE UPDATE OF search ON product_listings FOR EACH ROW
    WHEN (NEW.folded_at IS NOT DISTINCT FROM OLD.folded_at) EXECUTE FUNCTION product_listings_unfold();

-- +goose Down
SELECT 'migrations only go forward';
