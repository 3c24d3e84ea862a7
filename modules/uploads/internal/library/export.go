package library

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"atrium/modules/uploads/internal/upload"
	"atrium/platform/blob"
	"atrium/platform/database"
	"atrium/platform/dataexport"
)

// extensions are the file names' ends by content type.
var extensions = map[string]string{"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", "image/heic": ".heic", "image/heif": ".heif"}

// DataExport is what the module hands out of what it keeps about a person: the facts, and every photo as it was sent.
func DataExport(db *database.DB, store *Store, files *blob.Store) dataexport.Part {
	facts := dataexport.Tables(db, "uploads", dataexport.Table{Name: "uploads", Key: "id", Select: `SELECT id, status, content_type, bytes, width, height, alt,
		created_at, used_at FROM uploads WHERE owner_id = @user AND released_at IS NULL`})
	return dataexport.Part{Module: "uploads", Write: func(ctx context.Context, user uuid.UUID, to *dataexport.Archive) error {
		if err := facts.Write(ctx, user, to); err != nil {
			return err
		}
		for after := uuid.Nil; ; {
			page, err := store.originals(ctx, user, after)
			if err != nil || len(page) == 0 {
				return err
			}
			for _, u := range page {
				if err := exportOriginal(ctx, files, to, u); err != nil {
					return err
				}
			}
			after = page[len(page)-1].ID
		}
	}}
}

// exportOriginal copies one original into the archive. One that was deleted meanwhile is left out.
func exportOriginal(ctx context.Context, files *blob.Store, to *dataexport.Archive, u upload.Upload) error {
	file, err := files.Open(ctx, u.OriginalKey())
	if errors.Is(err, blob.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	return to.File("originals/"+u.ID.String()+extensions[u.ContentType], file)
}
