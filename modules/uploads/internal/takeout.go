package internal

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"atrium/platform/blob"
	"atrium/platform/database"
	"atrium/platform/takeout"
)

// extensions are the file names' ends by content type.
var extensions = map[string]string{"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", "image/heic": ".heic", "image/heif": ".heif"}

// Takeout is what the module hands out of what it keeps about a person: the facts, and every photo as it was sent.
func Takeout(db *database.DB, store *Store, files *blob.Store) takeout.Part {
	facts := takeout.Tables(db, "uploads", takeout.Table{Name: "uploads", Key: "id", Select: `SELECT id, status, content_type, bytes, width, height, alt,
		created_at, used_at FROM uploads WHERE owner_id = @user AND released_at IS NULL`})
	return takeout.Part{Module: "uploads", Write: func(ctx context.Context, user uuid.UUID, to *takeout.Archive) error {
		if err := facts.Write(ctx, user, to); err != nil {
			return err
		}
		for after := uuid.Nil; ; {
			page, err := store.originals(ctx, user, after)
			if err != nil || len(page) == 0 {
				return err
			}
			for _, u := range page {
				if err := handOut(ctx, files, to, u); err != nil {
					return err
				}
			}
			after = page[len(page)-1].ID
		}
	}}
}

// handOut copies one original into the archive. One that was deleted meanwhile is left out.
func handOut(ctx context.Context, files *blob.Store, to *takeout.Archive, u Upload) error {
	file, err := files.Open(ctx, u.originalKey())
	if errors.Is(err, blob.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	return to.File("originals/"+u.ID.String()+extensions[u.ContentType], file)
}
