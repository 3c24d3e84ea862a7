// Package cleanup deletes what is left of photos: the files of released ones, and what nobody ever used.
package cleanup

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"atrium/modules/uploads/internal/importer"
	"atrium/modules/uploads/internal/library"
	"atrium/modules/uploads/internal/upload"
	"atrium/platform/blob"
	"atrium/platform/plug"
)

// sweepBatch bounds one step of the sweep: the files of so many photos fit into one deletion of S3 and one invalidation of the CDN.
const sweepBatch = 50

// Deps are what a Service needs.
type Deps struct {
	plug.In
	Uploads *upload.Store
	Store   *Store
	Imports *importer.Store
	Blobs   *blob.Store
	Library *library.Service
	Public  *library.Publisher
}

// Service deletes files, and then the rows that named them.
type Service struct {
	uploads *upload.Store
	store   *Store
	imports *importer.Store
	blobs   *blob.Store
	library *library.Service
	public  *library.Publisher
}

func NewService(d Deps) *Service {
	return &Service{uploads: d.Uploads, store: d.Store, imports: d.Imports, blobs: d.Blobs, library: d.Library, public: d.Public}
}

// Erase deletes everything of uploads that were released, the rows last.
func (s *Service) Erase(ctx context.Context, ids []uuid.UUID) error {
	rows, err := s.uploads.FindAll(ctx, ids)
	if err != nil {
		return err
	}
	return s.EraseRows(ctx, slices.DeleteFunc(rows, func(u *upload.Upload) bool { return u.ReleasedAt == nil })...)
}

// EraseRows deletes the files of uploads, and the rows of those that were released.
func (s *Service) EraseRows(ctx context.Context, rows ...*upload.Upload) error {
	var served, others []string
	ids := make([]uuid.UUID, len(rows))
	for i, u := range rows {
		ids[i] = u.ID
		others = append(others, u.QuarantineKey, u.OriginalKey())
		if u.PublicKey != "" {
			served = append(served, upload.VariantKeys(upload.PublicFolder(u.PublicKey), u.Sizes)...)
		}
		if private := upload.VariantKeys(upload.PrivateFolder(u.PhotoKey), u.Sizes); u.UsedAt != nil {
			served = append(served, private...)
		} else {
			others = append(others, private...) // its owner alone was shown it, for an hour at most
		}
		if u.Status == upload.Ready {
			continue
		}
		left, err := s.blobs.List(ctx, upload.PrivateFolder(u.PhotoKey), "", 100) // by a run that did not come to its end
		if err != nil {
			return err
		}
		others = append(others, left...)
	}
	if err := s.blobs.Delete(ctx, others...); err != nil {
		return err
	}
	if err := s.public.Purge(ctx, served); err != nil {
		return err
	}
	s.library.DropCached(ctx, ids...)
	return s.store.remove(ctx, ids)
}

// Sweep erases uploads that nobody has used for as long as orphans says, and what was released and is still there. Safe to run
// concurrently.
func (s *Service) Sweep(ctx context.Context, orphans time.Duration) error {
	if err := s.imports.CancelOld(ctx, orphans); err != nil {
		return err
	}
	for {
		rows, err := s.store.releaseOrphans(ctx, orphans, sweepBatch)
		if err != nil {
			return err
		}
		if err := s.EraseRows(ctx, rows...); err != nil {
			return err
		}
		if len(rows) < sweepBatch {
			return nil
		}
	}
}
