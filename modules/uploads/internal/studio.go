package internal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/uuid"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"atrium/modules/uploads"
	"atrium/modules/uploads/internal/darkroom"
	"atrium/modules/uploads/internal/sniff"
	"atrium/platform/blob"
	"atrium/platform/database"
	"atrium/platform/outbox"
	"atrium/platform/tasks"
)

// Studio makes photos of files, in the worker.
type Studio struct {
	cfg      uploads.Config
	db       *database.DB
	store    *Store
	outbox   *outbox.Outbox
	blobs    *blob.Store
	keeper   *Keeper
	darkroom *darkroom.Darkroom
	pixels   *semaphore.Weighted // in work at a time, so that memory has a bound whatever the queue's concurrency
	log      *zap.Logger
}

// diskMost is the largest file that a child may write: 50 megapixels of four 16-bit bands.
const diskMost = 420 << 20

// NewStudio makes a Studio.
func NewStudio(cfg uploads.Config, db *database.DB, store *Store, o *outbox.Outbox, blobs *blob.Store, keeper *Keeper, log *zap.Logger) *Studio {
	limits := darkroom.Limits{Time: cfg.ImageTime, Memory: cfg.ImageMemory, Disk: diskMost}
	return &Studio{
		cfg: cfg, db: db, store: store, outbox: o, blobs: blobs, keeper: keeper, log: log,
		darkroom: darkroom.New(limits, cfg.VipsFolder), pixels: semaphore.NewWeighted(cfg.PixelBudget),
	}
}

// MakeVariants makes a photo of an upload that was accepted. It may be run again at any point: keys are fixed when the upload
// is created, and the file leaves quarantine last. A picture that cannot be made into a photo ends the upload, not the task.
func (s *Studio) MakeVariants(ctx context.Context, id uuid.UUID) error {
	u, err := s.store.find(ctx, id)
	if errors.Is(err, uploads.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	switch {
	case u.ReleasedAt != nil:
		return s.keeper.erase(ctx, u)
	case u.settled():
		return s.blobs.Delete(ctx, u.QuarantineKey)
	case u.Status != processing:
		return nil
	}
	err = s.make(ctx, u)
	if reason := reasonOfMaking(err); reason != "" {
		s.log.Info("a picture was refused", zap.Stringer("upload_id", u.ID), zap.String("reason", reason), zap.Error(err))
		return s.fail(ctx, u, reason)
	}
	if err != nil && tasks.LastTry(ctx) {
		return errors.Join(err, s.fail(ctx, u, reasonUnavailable))
	}
	return err
}

// errTries ends a picture that keeps bringing children down, or the worker.
var errTries = errors.New("uploads: the picture was tried often enough")

func reasonOfMaking(err error) string {
	switch {
	case errors.Is(err, darkroom.ErrCorrupt):
		return reasonCorrupt
	case errors.Is(err, errTries):
		return reasonTooComplex
	case errors.Is(err, blob.ErrNotFound):
		return reasonUnavailable // the bucket's lifecycle has taken the file
	}
	return reasonOf(err)
}

func (s *Studio) make(ctx context.Context, u *Upload) error {
	folder, err := os.MkdirTemp(s.cfg.TempFolder, "atrium-photo-")
	if err != nil {
		return fmt.Errorf("uploads: %w", err)
	}
	defer os.RemoveAll(folder)
	source := filepath.Join(folder, "source")
	header, err := s.fetch(ctx, u, source)
	if err != nil {
		return err
	}
	p, err := s.develop(ctx, u, header, source, folder)
	if err != nil {
		return err
	}
	if err := s.keep(ctx, u, p, folder); err != nil {
		return err
	}
	finished, err := s.finish(ctx, u, p)
	if err != nil {
		return err
	}
	if !finished {
		return s.lost(ctx, u)
	}
	s.keeper.library.photos.Drop(ctx, u.ID)
	return s.blobs.Delete(ctx, u.QuarantineKey)
}

// fetch downloads the file, and compares it once more with what was declared.
func (s *Studio) fetch(ctx context.Context, u *Upload, path string) (sniff.Header, error) {
	body, err := s.blobs.Open(ctx, u.QuarantineKey)
	if err != nil {
		return sniff.Header{}, err
	}
	defer body.Close()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_EXCL, 0o600)
	if err != nil {
		return sniff.Header{}, fmt.Errorf("uploads: %w", err)
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(f, hash), io.LimitReader(body, u.Bytes+1)); err != nil {
		return sniff.Header{}, fmt.Errorf("uploads: download: %w", err)
	}
	if !bytes.Equal(hash.Sum(nil), u.SHA256) {
		return sniff.Header{}, uploads.ErrMismatch
	}
	return u.inspect(f, u.Bytes)
}

// weight is a picture's share of the pixel budget. The decoder holds a picture that does not stream as a whole: about 10 bytes a
// pixel at the worst, where the others take 60 MB whatever their size. It counts twice, so that the largest has the worker alone.
func (s *Studio) weight(h sniff.Header) int64 {
	pixels := h.Pixels
	if !h.Streams {
		pixels *= 2
	}
	return min(pixels, s.cfg.PixelBudget)
}

// develop waits until the picture fits into the pixel budget. The try is counted before, and taken back unless the picture
// is to blame.
func (s *Studio) develop(ctx context.Context, u *Upload, h sniff.Header, path, folder string) (darkroom.Print, error) {
	weight := s.weight(h)
	if err := s.pixels.Acquire(ctx, weight); err != nil {
		return darkroom.Print{}, err
	}
	defer s.pixels.Release(weight)
	tries, err := s.store.beginTry(ctx, u.ID)
	if err != nil {
		return darkroom.Print{}, err
	}
	if tries > mostTries {
		return darkroom.Print{}, errTries
	}
	source := darkroom.Source{Path: path, Grey: h.Grey, HEIF: h.ContentType == "image/heic"}
	p, err := s.darkroom.Develop(ctx, source, folder)
	switch {
	case errors.Is(err, darkroom.ErrCorrupt):
		return p, err
	case errors.Is(err, darkroom.ErrExhausted):
		if tries == mostTries {
			err = errors.Join(errTries, err)
		}
		return p, err
	}
	return p, errors.Join(err, s.store.forgiveTry(context.WithoutCancel(ctx), u.ID))
}

// keep writes the variants, and the file itself to where nothing is served from.
func (s *Studio) keep(ctx context.Context, u *Upload, p darkroom.Print, folder string) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for _, size := range p.Sizes {
		for _, format := range darkroom.Formats {
			group.Go(func() error { return s.put(ctx, u, folder, size, format) })
		}
	}
	group.Go(func() error { return s.blobs.Copy(ctx, u.QuarantineKey, u.originalKey()) })
	return group.Wait()
}

func (s *Studio) put(ctx context.Context, u *Upload, folder string, size int, format string) error {
	f, err := os.Open(darkroom.File(folder, size, format))
	if err != nil {
		return fmt.Errorf("uploads: %w", err)
	}
	defer f.Close()
	return s.blobs.Put(ctx, privateFolder(u.PhotoKey)+fileName(size, format), "image/"+format, immutable, f)
}

func (s *Studio) finish(ctx context.Context, u *Upload, p darkroom.Print) (finished bool, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		if finished, err = s.store.finish(ctx, u, p); err != nil || !finished {
			return err
		}
		u.Sizes = p.Sizes
		if err := s.keeper.library.adopt(ctx, u); err != nil {
			return err
		}
		return s.outbox.Publish(ctx, uploads.Ready{UploadID: u.ID, OwnerID: u.OwnerID})
	})
	return finished, err
}

// lost cleans up where another run was first, or the upload was given up meanwhile.
func (s *Studio) lost(ctx context.Context, u *Upload) error {
	now, err := s.store.find(ctx, u.ID)
	gone := errors.Is(err, uploads.ErrNotFound)
	if err != nil && !gone {
		return err
	}
	if gone || now.ReleasedAt != nil {
		return s.keeper.erase(ctx, u)
	}
	return nil
}

// fail ends the upload. Variants that an earlier run may have written go with the row, when the sweep comes by.
func (s *Studio) fail(ctx context.Context, u *Upload, reason string) error {
	ctx = context.WithoutCancel(ctx)
	if _, err := s.store.fail(ctx, u.ID, reason); err != nil {
		return err
	}
	if err := s.store.forgetImports(ctx, []uuid.UUID{u.ID}); err != nil {
		return err
	}
	return s.blobs.Delete(ctx, u.QuarantineKey)
}
