// Package processing makes photos of accepted files, in the worker.
package processing

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
	"atrium/modules/uploads/internal/cleanup"
	"atrium/modules/uploads/internal/imaging"
	"atrium/modules/uploads/internal/importer"
	"atrium/modules/uploads/internal/library"
	"atrium/modules/uploads/internal/queue"
	"atrium/modules/uploads/internal/sniff"
	"atrium/modules/uploads/internal/upload"
	"atrium/platform/blob"
	"atrium/platform/database"
	"atrium/platform/outbox"
	"atrium/platform/plug"
	"atrium/platform/tasks"
)

const (
	// maxTries bounds how often a picture may bring a child process, or the worker itself, down.
	maxTries = 3
	// maxFile is the largest file in bytes that a child may write: 50 megapixels of four 16-bit bands.
	maxFile = 420 << 20
	// immutable lets the CDN and clients keep a variant for good: its content never changes under its key.
	immutable = "public, max-age=31536000, immutable"
)

// Deps are what a Service needs.
type Deps struct {
	plug.In
	Config  uploads.Config
	DB      *database.DB
	Uploads *upload.Store
	Store   *Store
	Imports *importer.Store
	Outbox  *outbox.Outbox
	Blobs   *blob.Store
	Library *library.Service
	Cleanup *cleanup.Service
	Queue   *queue.Service
	Log     *zap.Logger
}

// Service makes variants of pictures and stores them.
type Service struct {
	cfg     uploads.Config
	db      *database.DB
	uploads *upload.Store
	store   *Store
	imports *importer.Store
	outbox  *outbox.Outbox
	blobs   *blob.Store
	library *library.Service
	cleanup *cleanup.Service
	queue   *queue.Service
	log     *zap.Logger
	images  *imaging.Processor
	pixels  *semaphore.Weighted // of large pictures in work at a time, so that memory has a bound whatever the queue's concurrency
}

func NewService(d Deps) *Service {
	limits := imaging.Limits{Time: d.Config.ImageTime, Pixels: upload.MaxPixels, Memory: d.Config.ImageMemory, Disk: maxFile}
	return &Service{
		cfg: d.Config, db: d.DB, uploads: d.Uploads, store: d.Store, imports: d.Imports, outbox: d.Outbox, blobs: d.Blobs, library: d.Library,
		cleanup: d.Cleanup, queue: d.Queue, log: d.Log,
		images: imaging.NewProcessor(limits, d.Config.VipsFolder), pixels: semaphore.NewWeighted(d.Config.PixelBudget),
	}
}

// MakeVariants makes a photo of an upload that was accepted, and then lets its owner's next one go on. It may be run again at any point: keys are fixed when the upload
// is created, and the file leaves quarantine last. A picture that cannot be made into a photo ends the upload, not the task.
func (s *Service) MakeVariants(ctx context.Context, id uuid.UUID) error {
	u, err := s.uploads.Find(ctx, id)
	if errors.Is(err, uploads.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := s.end(ctx, u); err != nil {
		return err
	}
	return s.queue.Admit(ctx, u.OwnerID)
}

// end brings an upload to its end, or returns why another try is needed.
func (s *Service) end(ctx context.Context, u *upload.Upload) error {
	switch {
	case u.ReleasedAt != nil:
		return s.cleanup.EraseRows(ctx, u)
	case u.Status.Ended():
		return s.blobs.Delete(ctx, u.QuarantineKey)
	case u.Status != upload.Processing:
		return nil
	}
	err := s.process(ctx, u)
	if reason := reasonFor(err); reason != "" {
		s.log.Info("a picture cannot be made into a photo", zap.Stringer("upload_id", u.ID), zap.String("reason", string(reason)), zap.Error(err))
		return s.fail(ctx, u, reason)
	}
	if err != nil && tasks.LastTry(ctx) {
		return errors.Join(err, s.fail(ctx, u, upload.Unavailable))
	}
	return err
}

// errTries ends a picture that keeps bringing down child processes, or the worker.
var errTries = errors.New("uploads: too many failed tries")

func reasonFor(err error) upload.Reason {
	switch {
	case errors.Is(err, imaging.ErrCorrupt):
		return upload.Corrupt
	case errors.Is(err, errTries), errors.Is(err, imaging.ErrTooLong):
		return upload.TooComplex
	case errors.Is(err, imaging.ErrOutOfMemory):
		return upload.TooLarge
	case errors.Is(err, blob.ErrNotFound):
		return upload.Unavailable // the bucket's lifecycle has taken the file
	}
	return upload.ReasonFor(err)
}

func (s *Service) process(ctx context.Context, u *upload.Upload) error {
	folder, err := os.MkdirTemp(s.cfg.TempFolder, "atrium-photo-")
	if err != nil {
		return fmt.Errorf("uploads: %w", err)
	}
	defer os.RemoveAll(folder)
	source, err := s.fetch(ctx, u, folder)
	if err != nil {
		return err
	}
	v, err := s.makeVariants(ctx, u, source, folder)
	if err != nil {
		return err
	}
	if err := s.save(ctx, u, v, folder); err != nil {
		return err
	}
	finished, err := s.finish(ctx, u, v)
	if err != nil {
		return err
	}
	if !finished {
		return s.cleanUp(ctx, u)
	}
	s.library.DropCached(ctx, u.ID)
	return s.blobs.Delete(ctx, u.QuarantineKey)
}

// source is the picture of an upload, ready to be decoded.
type source struct {
	imaging.Source
	header sniff.Header
}

// fetch brings the file from quarantine into the folder, and leaves of it what is picture.
func (s *Service) fetch(ctx context.Context, u *upload.Upload, folder string) (source, error) {
	file, err := s.download(ctx, u, filepath.Join(folder, "file"))
	if err != nil {
		return source{}, err
	}
	defer file.Close()
	header, err := u.Inspect(file, u.Bytes, s.cfg.ImageMemory)
	if err != nil {
		return source{}, err
	}
	picture, err := os.OpenFile(filepath.Join(folder, "picture"), os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return source{}, fmt.Errorf("uploads: %w", err)
	}
	defer picture.Close()
	header, copied, err := u.CopyPicture(picture, file, u.Bytes, s.cfg.ImageMemory, header)
	if err != nil {
		return source{}, err
	}
	found := source{header: header, Source: imaging.Source{
		Path: picture.Name(), Pixels: header.Pixels, HEIF: header.ContentType == "image/heic",
		Inks: header.Inks, Deep: header.Deep, Alpha: header.Alpha, Orientation: copied.Orientation, Strict: copied.Unended,
	}}
	if copied.Profile == nil {
		return found, nil
	}
	found.Profile = filepath.Join(folder, "profile.icc")
	if err := os.WriteFile(found.Profile, copied.Profile, 0o600); err != nil {
		return source{}, fmt.Errorf("uploads: %w", err)
	}
	return found, nil
}

// download reads the file from quarantine, and compares it once more with what was declared.
func (s *Service) download(ctx context.Context, u *upload.Upload, path string) (*os.File, error) {
	body, err := s.blobs.Open(ctx, u.QuarantineKey)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("uploads: %w", err)
	}
	hash := sha256.New()
	if _, err = io.Copy(io.MultiWriter(f, hash), io.LimitReader(body, u.Bytes+1)); err != nil {
		err = fmt.Errorf("uploads: download: %w", err)
	} else if !bytes.Equal(hash.Sum(nil), u.SHA256) {
		err = uploads.ErrMismatch
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// pixelWeight is a picture's share of the pixel budget. Only large ones have one: the others are bounded by the number of workers, and
// never wait for large ones. The decoder holds a picture that does not stream as a whole: about 10 bytes a pixel at the worst, where the
// others take 60 MB whatever their size. It counts twice, so that the largest has the budget alone.
func (s *Service) pixelWeight(h sniff.Header) int64 {
	if queue.WeightOf(h) != queue.Large {
		return 0
	}
	pixels := h.Pixels
	if !h.Streams {
		pixels *= 2
	}
	return min(pixels, s.cfg.PixelBudget)
}

// makeVariants waits until the picture fits into the pixel budget. The try is counted before, and taken back unless the picture
// is to blame.
func (s *Service) makeVariants(ctx context.Context, u *upload.Upload, picture source, folder string) (imaging.Variants, error) {
	weight := s.pixelWeight(picture.header)
	if err := s.pixels.Acquire(ctx, weight); err != nil {
		return imaging.Variants{}, err
	}
	defer s.pixels.Release(weight)
	tries, err := s.store.countTry(ctx, u.ID)
	if err != nil {
		return imaging.Variants{}, err
	}
	if tries > maxTries {
		return imaging.Variants{}, errTries
	}
	v, err := s.images.MakeVariants(ctx, picture.Source, folder)
	switch {
	case reasonFor(err) != "":
		return v, err
	case errors.Is(err, imaging.ErrDied):
		if tries == maxTries {
			err = errors.Join(errTries, err)
		}
		return v, err
	}
	return v, errors.Join(err, s.store.uncountTry(context.WithoutCancel(ctx), u.ID))
}

// save writes the variants, and the file itself to where nothing is served from.
func (s *Service) save(ctx context.Context, u *upload.Upload, v imaging.Variants, folder string) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for _, size := range v.Sizes {
		for _, format := range imaging.Formats {
			group.Go(func() error { return s.put(ctx, u, folder, size, format) })
		}
	}
	group.Go(func() error { return s.blobs.Copy(ctx, u.QuarantineKey, u.OriginalKey()) })
	return group.Wait()
}

func (s *Service) put(ctx context.Context, u *upload.Upload, folder string, size int, format string) error {
	f, err := os.Open(imaging.VariantPath(folder, size, format))
	if err != nil {
		return fmt.Errorf("uploads: %w", err)
	}
	defer f.Close()
	return s.blobs.Put(ctx, upload.VariantKey(upload.PrivateFolder(u.PhotoKey), size, format), "image/"+format, immutable, f)
}

func (s *Service) finish(ctx context.Context, u *upload.Upload, v imaging.Variants) (finished bool, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		if finished, err = s.store.finish(ctx, u, v); err != nil || !finished {
			return err
		}
		u.Sizes = v.Sizes
		if err := s.library.ClaimImported(ctx, u); err != nil {
			return err
		}
		return s.outbox.Publish(ctx, uploads.Ready{UploadID: u.ID, OwnerID: u.OwnerID})
	})
	return finished, err
}

// cleanUp erases the variants of an upload that was released meanwhile. Where another run was first, they are the photo's.
func (s *Service) cleanUp(ctx context.Context, u *upload.Upload) error {
	now, err := s.uploads.Find(ctx, u.ID)
	gone := errors.Is(err, uploads.ErrNotFound)
	if err != nil && !gone {
		return err
	}
	if gone || now.ReleasedAt != nil {
		return s.cleanup.EraseRows(ctx, u)
	}
	return nil
}

// fail ends the upload. Variants that an earlier run may have written go with the row, when the sweep comes by.
func (s *Service) fail(ctx context.Context, u *upload.Upload, reason upload.Reason) error {
	ctx = context.WithoutCancel(ctx)
	if err := s.uploads.Fail(ctx, u.ID, reason); err != nil {
		return err
	}
	if err := s.imports.Cancel(ctx, u.ID); err != nil {
		return err
	}
	return s.blobs.Delete(ctx, u.QuarantineKey)
}
