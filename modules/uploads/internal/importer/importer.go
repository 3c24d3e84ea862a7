// Package importer fetches pictures from public addresses elsewhere and hands them to processing.
package importer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"atrium/modules/uploads"
	"atrium/modules/uploads/internal/queue"
	"atrium/modules/uploads/internal/sniff"
	"atrium/modules/uploads/internal/upload"
	"atrium/platform/blob"
	"atrium/platform/database"
	"atrium/platform/download"
	"atrium/platform/outbox"
	"atrium/platform/plug"
	"atrium/platform/tasks"
)

// MaxBytes bounds a picture that is fetched: it is held in memory.
const MaxBytes = 5 << 20

// Deps are what a Service needs.
type Deps struct {
	plug.In
	Config  uploads.Config
	DB      *database.DB
	Uploads *upload.Store
	Imports *Store
	Outbox  *outbox.Outbox
	Queue   *queue.Service
	Blobs   *blob.Store
	Files   *download.Client
	Log     *zap.Logger
}

// Service imports pictures. From quarantine on they go the way of all others.
type Service struct {
	cfg     uploads.Config
	db      *database.DB
	uploads *upload.Store
	store   *Store
	outbox  *outbox.Outbox
	queue   *queue.Service
	blobs   *blob.Store
	files   *download.Client
	log     *zap.Logger
}

func NewService(d Deps) *Service {
	return &Service{
		cfg: d.Config, db: d.DB, uploads: d.Uploads, store: d.Imports, outbox: d.Outbox, queue: d.Queue, blobs: d.Blobs, files: d.Files, log: d.Log,
	}
}

// Import implements uploads.Importer. The task carries no address, which is personal data.
func (s *Service) Import(ctx context.Context, owner uuid.UUID, address string) (uuid.UUID, error) {
	id := uuid.Must(uuid.NewV7())
	return id, s.db.InTx(ctx, func(ctx context.Context) error {
		if err := s.store.insert(ctx, Import{UploadID: id, OwnerID: owner, URL: address}); err != nil {
			return err
		}
		return s.outbox.Enqueue(ctx, Fetch{UploadID: id})
	})
}

// Fetch downloads the picture and enqueues its processing. An import that cannot succeed ends here without an error; one that was
// released meanwhile is skipped.
func (s *Service) Fetch(ctx context.Context, id uuid.UUID) error {
	wanted, err := s.store.Find(ctx, id)
	if errors.Is(err, uploads.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := s.uploads.Find(ctx, id); !errors.Is(err, uploads.ErrNotFound) {
		return err // an earlier run has stored the picture already, or the database is away
	}
	content, err := s.files.Get(ctx, wanted.URL, MaxBytes)
	if err == nil {
		return s.Accept(ctx, wanted, content)
	}
	hopeless := errors.Is(err, download.ErrRefused) || errors.Is(err, download.ErrGone) || errors.Is(err, download.ErrTooLarge)
	if hopeless || tasks.LastTry(ctx) {
		return s.cancel(ctx, id, err)
	}
	return err
}

// cancel ends an import. Its owner is not told: the profile goes without the picture.
func (s *Service) cancel(ctx context.Context, id uuid.UUID, why error) error {
	s.log.Info("a picture could not be imported", zap.Stringer("upload_id", id), zap.Error(why))
	return s.store.Cancel(context.WithoutCancel(ctx), id)
}

// Accept makes an upload in processing of what was fetched, as if its owner had declared exactly that. It does nothing where the
// import was released meanwhile.
func (s *Service) Accept(ctx context.Context, wanted *Import, content []byte) error {
	header, err := sniff.Read(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return s.cancel(ctx, wanted.UploadID, err)
	}
	u := upload.New(wanted.OwnerID, upload.Declaration{
		ContentType: header.ContentType, Bytes: int64(len(content)), SHA256: sha256.Sum256(content),
	}, time.Now())
	if err := u.Check(header, s.cfg.ImageMemory); err != nil {
		return s.cancel(ctx, wanted.UploadID, err)
	}
	u.ID, u.Status, u.Width, u.Height = wanted.UploadID, upload.Processing, header.Width, header.Height
	u.QuarantineKey = "quarantine/" + u.OwnerID.String() + "/" + u.ID.String() // the same in every run, so that none leaves a second file
	if err := s.blobs.Put(ctx, u.QuarantineKey, u.ContentType, "", bytes.NewReader(content)); err != nil {
		return err
	}
	var found bool
	err = s.db.InTx(ctx, func(ctx context.Context) (err error) {
		if found, err = s.store.lock(ctx, u.ID); err != nil || !found {
			return err
		}
		if err := s.uploads.Insert(ctx, u); err != nil {
			return err
		}
		return s.queue.Add(ctx, u, header)
	})
	if err == nil && !found {
		return s.blobs.Delete(ctx, u.QuarantineKey) // released meanwhile
	}
	return err
}
