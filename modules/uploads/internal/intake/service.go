// Package intake takes uploads in, up to the moment when a worker has them: create, complete, status and quota.
package intake

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"atrium/modules/uploads"
	"atrium/modules/uploads/internal/queue"
	"atrium/modules/uploads/internal/sniff"
	"atrium/modules/uploads/internal/upload"
	"atrium/platform/blob"
	"atrium/platform/database"
	"atrium/platform/fault"
	"atrium/platform/plug"
	"atrium/platform/ratelimit"
)

// Deps are what a Service needs.
type Deps struct {
	plug.In
	Config  uploads.Config
	DB      *database.DB
	Uploads *upload.Store
	Store   *Store
	Queue   *queue.Service
	Blobs   *blob.Store
	Limiter *ratelimit.Limiter
}

// Service creates uploads and accepts their files.
type Service struct {
	cfg     uploads.Config
	db      *database.DB
	uploads *upload.Store
	store   *Store
	queue   *queue.Service
	blobs   *blob.Store
	limiter *ratelimit.Limiter
}

func NewService(d Deps) *Service {
	return &Service{cfg: d.Config, db: d.DB, uploads: d.Uploads, store: d.Store, queue: d.Queue, blobs: d.Blobs, limiter: d.Limiter}
}

// Create adds a pending upload and returns the signed PUT that takes exactly the declared file. It returns ErrTypeNotAllowed,
// ErrTooLarge, ErrQuota, or a fault whose fields name what is wrong with the declaration.
func (s *Service) Create(ctx context.Context, owner uuid.UUID, contentType string, size int64, sha256 string) (*upload.Upload, blob.Signed, error) {
	d, err := s.declare(contentType, size, sha256)
	if err != nil {
		return nil, blob.Signed{}, err
	}
	if err := s.checkQuota(ctx, owner); err != nil {
		return nil, blob.Signed{}, err
	}
	u := upload.New(owner, d, time.Time{})
	signed, err := s.blobs.PresignPut(ctx, blob.Upload{
		Key: u.QuarantineKey, ContentType: d.ContentType, Bytes: d.Bytes, SHA256: d.SHA256, Expires: s.cfg.Expires,
	})
	if err != nil {
		return nil, blob.Signed{}, err
	}
	u.ExpiresAt = signed.ExpiresAt
	return u, signed, s.uploads.Insert(ctx, u)
}

func (s *Service) declare(contentType string, size int64, sha256 string) (upload.Declaration, error) {
	contentType = upload.CanonicalType(contentType)
	if !slices.Contains(upload.ContentTypes, contentType) {
		return upload.Declaration{}, uploads.ErrTypeNotAllowed
	}
	if size > s.cfg.MaxBytes {
		return upload.Declaration{}, uploads.ErrTooLarge.Saying("A photo may have at most %d MB.", s.cfg.MaxBytes>>20)
	}
	sum, err := base64.StdEncoding.Strict().DecodeString(sha256)
	if err != nil || len(sum) != 32 {
		return upload.Declaration{}, errDeclaration.At("/body/sha256", "must be the SHA-256 of the file: 32 bytes in base64")
	}
	if size < 1 {
		return upload.Declaration{}, errDeclaration.At("/body/bytes", "must be at least 1")
	}
	return upload.Declaration{ContentType: contentType, Bytes: size, SHA256: [32]byte(sum)}, nil
}

var errDeclaration = fault.Invalid("uploads.invalid_declaration", "The declaration of the file is wrong.")

func (s *Service) checkQuota(ctx context.Context, owner uuid.UUID) error {
	class := ratelimit.Class{Name: "uploads", Rate: s.cfg.PerHour, Period: time.Hour, Burst: s.cfg.PerHour}
	decision, err := s.limiter.Allow(ctx, class, owner.String(), 1)
	if err == nil && !decision.Allowed {
		return uploads.ErrQuota.After(decision.RetryAfter)
	}
	return err
}

// Find returns an upload of the owner, or uploads.ErrNotFound.
func (s *Service) Find(ctx context.Context, owner, id uuid.UUID) (*upload.Upload, error) {
	return s.store.ofOwner(ctx, owner, id)
}

// Complete looks at the file and hands it to a worker. Repeated, it returns the state that the upload has come to, or
// refuses again what was refused: S3's event may have been faster than the client.
func (s *Service) Complete(ctx context.Context, owner, id uuid.UUID) (*upload.Upload, error) {
	u, err := s.store.ofOwner(ctx, owner, id)
	if err != nil {
		return nil, err
	}
	if err := s.accept(ctx, u); err != nil {
		return nil, err
	}
	if u, err = s.store.ofOwner(ctx, owner, id); err != nil {
		return nil, err
	}
	if refusal := u.Reason.Refusal(); refusal != nil {
		return nil, refusal
	}
	return u, nil
}

// Arrived completes the upload whose file S3 reports, as the client would have. Files that nobody waits for and files that are
// refused are no errors: there is nobody to tell. A file that was sent once more after its upload had ended, which the signed PUT
// allows when quarantine is empty again, is deleted.
func (s *Service) Arrived(ctx context.Context, quarantineKey string) error {
	u, err := s.store.byQuarantineKey(ctx, quarantineKey)
	switch {
	case err == nil && u.Status.Ended():
		return s.blobs.Delete(ctx, quarantineKey)
	case err == nil:
		err = s.accept(ctx, u)
	}
	switch fault.KindOf(err) {
	case fault.KindNotFound, fault.KindConflict, fault.KindInvalid:
		return nil
	default:
		return err
	}
}

// accept moves a pending upload on if its file is what was declared; else the upload fails and the file is deleted.
func (s *Service) accept(ctx context.Context, u *upload.Upload) error {
	if u.Status != upload.Pending {
		return nil
	}
	header, err := s.inspect(ctx, u)
	if errors.Is(err, blob.ErrNotFound) {
		return s.missing(ctx, u)
	}
	if reason := upload.ReasonFor(err); reason != "" {
		return s.refuse(ctx, u, reason, err)
	}
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		first, err := s.store.startProcessing(ctx, u.ID, header.Width, header.Height)
		if err != nil || !first {
			return err
		}
		return s.queue.Add(ctx, u, header)
	})
}

// missing returns ErrNotUploaded for a file that is not there yet, and nil for one that a concurrent completion has dealt with.
func (s *Service) missing(ctx context.Context, u *upload.Upload) error {
	now, err := s.uploads.Find(ctx, u.ID)
	if err == nil && now.Status == upload.Pending {
		return uploads.ErrNotUploaded
	}
	return err
}

// inspect reads as little of the file as tells what it is, and decodes nothing.
func (s *Service) inspect(ctx context.Context, u *upload.Upload) (sniff.Header, error) {
	info, err := s.blobs.Head(ctx, u.QuarantineKey)
	if err != nil {
		return sniff.Header{}, err
	}
	if info.Bytes != u.Bytes || info.ContentType != u.ContentType || !bytes.Equal(info.SHA256, u.SHA256) {
		return sniff.Header{}, uploads.ErrMismatch
	}
	return u.Inspect(newRangeReader(ctx, s.blobs, u.QuarantineKey, info.Bytes), info.Bytes, s.cfg.ImageMemory)
}

// refuse fails the upload first: should the deletion fail, the sweep comes by.
func (s *Service) refuse(ctx context.Context, u *upload.Upload, reason upload.Reason, why error) error {
	if err := s.uploads.Fail(ctx, u.ID, reason); err != nil {
		return err
	}
	if err := s.blobs.Delete(ctx, u.QuarantineKey); err != nil {
		return err
	}
	return why
}
