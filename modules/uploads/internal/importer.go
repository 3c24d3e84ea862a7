package internal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"atrium/modules/uploads"
	"atrium/modules/uploads/internal/sniff"
	"atrium/platform/blob"
	"atrium/platform/database"
	"atrium/platform/download"
	"atrium/platform/outbox"
	"atrium/platform/tasks"
)

// mostImported bounds a picture that is fetched, in bytes: it is held in memory.
const mostImported = 5 << 20

// Import is a row of the table upload_imports.
type Import struct {
	UploadID  uuid.UUID `gorm:"primaryKey"`
	OwnerID   uuid.UUID
	URL       string
	CreatedAt time.Time
}

// TableName is where imports are kept.
func (Import) TableName() string { return "upload_imports" }

// Importer takes pictures over from elsewhere. From quarantine on they go the way of all others.
type Importer struct {
	db     *database.DB
	store  *Store
	outbox *outbox.Outbox
	blobs  *blob.Store
	files  *download.Client
	log    *zap.Logger
}

// NewImporter makes an Importer.
func NewImporter(db *database.DB, store *Store, o *outbox.Outbox, blobs *blob.Store, files *download.Client, log *zap.Logger) *Importer {
	return &Importer{db: db, store: store, outbox: o, blobs: blobs, files: files, log: log}
}

// Import implements uploads.Importer. The task carries no address: that is about a person.
func (i *Importer) Import(ctx context.Context, owner uuid.UUID, address string) (uuid.UUID, error) {
	id := uuid.Must(uuid.NewV7())
	return id, i.db.InTx(ctx, func(ctx context.Context) error {
		if err := i.store.insertImport(ctx, Import{UploadID: id, OwnerID: owner, URL: address}); err != nil {
			return err
		}
		return i.outbox.Enqueue(ctx, Fetch{UploadID: id})
	})
}

// Fetch gets the picture and hands it to the studio. An import that cannot succeed ends here, and so does one that was given up.
func (i *Importer) Fetch(ctx context.Context, id uuid.UUID) error {
	wanted, err := i.store.findImport(ctx, id)
	if errors.Is(err, uploads.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := i.store.find(ctx, id); !errors.Is(err, uploads.ErrNotFound) {
		return err // an earlier run came as far as this, or the database is away
	}
	content, err := i.files.Get(ctx, wanted.URL, mostImported)
	if err == nil {
		return i.take(ctx, wanted, content)
	}
	hopeless := errors.Is(err, download.ErrRefused) || errors.Is(err, download.ErrGone) || errors.Is(err, download.ErrTooLarge)
	if hopeless || tasks.LastTry(ctx) {
		return i.forget(ctx, id, err)
	}
	return err
}

// forget ends an import. Nobody waits for it: the person goes without the picture.
func (i *Importer) forget(ctx context.Context, id uuid.UUID, why error) error {
	i.log.Info("a picture was not imported", zap.Stringer("upload_id", id), zap.Error(why))
	return i.store.forgetImports(context.WithoutCancel(ctx), []uuid.UUID{id})
}

// take makes an accepted upload of what was fetched, as if its owner had declared exactly that.
func (i *Importer) take(ctx context.Context, wanted *Import, content []byte) error {
	header, err := sniff.Read(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return i.forget(ctx, wanted.UploadID, err)
	}
	u := newUpload(wanted.OwnerID, declaration{
		contentType: header.ContentType, bytes: int64(len(content)), sha256: sha256.Sum256(content),
	}, time.Now())
	if err := u.judge(header); err != nil {
		return i.forget(ctx, wanted.UploadID, err)
	}
	u.ID, u.Status, u.Width, u.Height = wanted.UploadID, processing, header.Width, header.Height
	u.QuarantineKey = "quarantine/" + u.OwnerID.String() + "/" + u.ID.String() // the same one again, should this run not come to its end
	if err := i.blobs.Put(ctx, u.QuarantineKey, u.ContentType, "", bytes.NewReader(content)); err != nil {
		return err
	}
	var taken bool
	err = i.db.InTx(ctx, func(ctx context.Context) (err error) {
		if taken, err = i.store.lockImport(ctx, u.ID); err != nil || !taken {
			return err
		}
		if err := i.store.insert(ctx, u); err != nil {
			return err
		}
		return i.outbox.Enqueue(ctx, MakeVariants{UploadID: u.ID})
	})
	if err == nil && !taken {
		return i.blobs.Delete(ctx, u.QuarantineKey) // given up meanwhile
	}
	return err
}
