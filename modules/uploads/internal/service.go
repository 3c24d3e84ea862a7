package internal

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"atrium/modules/uploads"
	"atrium/modules/uploads/internal/sniff"
	"atrium/platform/blob"
	"atrium/platform/database"
	"atrium/platform/fault"
	"atrium/platform/outbox"
	"atrium/platform/ratelimit"
)

// Service takes uploads in, up to the moment when a worker has them.
type Service struct {
	cfg     uploads.Config
	db      *database.DB
	store   *Store
	outbox  *outbox.Outbox
	blobs   *blob.Store
	limiter *ratelimit.Limiter
}

// NewService makes a Service.
func NewService(cfg uploads.Config, db *database.DB, store *Store, o *outbox.Outbox, blobs *blob.Store, limiter *ratelimit.Limiter) *Service {
	return &Service{cfg: cfg, db: db, store: store, outbox: o, blobs: blobs, limiter: limiter}
}

// Create promises the client a place for exactly the declared file.
func (s *Service) Create(ctx context.Context, owner uuid.UUID, contentType string, size int64, sha256 string) (*Upload, blob.Signed, error) {
	d, err := s.declare(contentType, size, sha256)
	if err != nil {
		return nil, blob.Signed{}, err
	}
	if err := s.spend(ctx, owner); err != nil {
		return nil, blob.Signed{}, err
	}
	u := newUpload(owner, d, time.Time{})
	signed, err := s.blobs.PresignPut(ctx, blob.Upload{
		Key: u.QuarantineKey, ContentType: d.contentType, Bytes: d.bytes, SHA256: d.sha256, Expires: s.cfg.Expires,
	})
	if err != nil {
		return nil, blob.Signed{}, err
	}
	u.ExpiresAt = signed.ExpiresAt
	return u, signed, s.store.insert(ctx, u)
}

func (s *Service) declare(contentType string, size int64, sha256 string) (declaration, error) {
	if !slices.Contains(allowed, contentType) {
		return declaration{}, uploads.ErrTypeNotAllowed
	}
	if size > s.cfg.MaxBytes {
		return declaration{}, uploads.ErrTooLarge.Saying("A photo may have at most %d MB.", s.cfg.MaxBytes>>20)
	}
	sum, err := base64.StdEncoding.Strict().DecodeString(sha256)
	if err != nil || len(sum) != 32 {
		return declaration{}, errDeclaration.At("/body/sha256", "must be the SHA-256 of the file: 32 bytes in base64")
	}
	if size < 1 {
		return declaration{}, errDeclaration.At("/body/bytes", "must be at least 1")
	}
	return declaration{contentType: contentType, bytes: size, sha256: [32]byte(sum)}, nil
}

var errDeclaration = fault.Invalid("uploads.invalid_declaration", "The declaration of the file is wrong.")

func (s *Service) spend(ctx context.Context, owner uuid.UUID) error {
	class := ratelimit.Class{Name: "uploads", Rate: s.cfg.PerHour, Period: time.Hour, Burst: s.cfg.PerHour}
	decision, err := s.limiter.Allow(ctx, class, owner.String(), 1)
	if err == nil && !decision.Allowed {
		return uploads.ErrQuota.After(decision.RetryAfter)
	}
	return err
}

// Find returns an upload of the owner.
func (s *Service) Find(ctx context.Context, owner, id uuid.UUID) (*Upload, error) {
	return s.store.ofOwner(ctx, owner, id)
}

// Complete looks at the file and hands it to a worker. Repeated, it returns the state that the upload has come to, or
// refuses again what was refused: S3's event may have been faster than the client.
func (s *Service) Complete(ctx context.Context, owner, id uuid.UUID) (*Upload, error) {
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
	if refusal, refused := refusals[u.Reason]; refused {
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
	case err == nil && u.settled():
		return s.blobs.Delete(ctx, quarantineKey)
	case err == nil:
		err = s.accept(ctx, u)
	}
	switch fault.KindOf(err) {
	case fault.KindNotFound, fault.KindConflict, fault.KindInvalid:
		return nil
	}
	return err
}

// accept moves a pending upload on if its file is what was declared; else the upload fails and the file is deleted.
func (s *Service) accept(ctx context.Context, u *Upload) error {
	if u.Status != pending {
		return nil
	}
	header, err := s.examine(ctx, u)
	if errors.Is(err, blob.ErrNotFound) {
		return s.missing(ctx, u)
	}
	if reason := reasonOf(err); reason != "" {
		return s.refuse(ctx, u, reason, err)
	}
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		first, err := s.store.process(ctx, u.ID, header.Width, header.Height)
		if err != nil || !first {
			return err
		}
		return s.outbox.Enqueue(ctx, MakeVariants{UploadID: u.ID})
	})
}

// missing tells a file that is not there yet from one that another completion has taken away meanwhile.
func (s *Service) missing(ctx context.Context, u *Upload) error {
	now, err := s.store.find(ctx, u.ID)
	if err == nil && now.Status == pending {
		return uploads.ErrNotUploaded
	}
	return err
}

// examine reads as little of the file as tells what it is, and decodes nothing.
func (s *Service) examine(ctx context.Context, u *Upload) (sniff.Header, error) {
	info, err := s.blobs.Head(ctx, u.QuarantineKey)
	if err != nil {
		return sniff.Header{}, err
	}
	if info.Bytes != u.Bytes || info.ContentType != u.ContentType || !bytes.Equal(info.SHA256, u.SHA256) {
		return sniff.Header{}, uploads.ErrMismatch
	}
	return u.inspect(newWindow(ctx, s.blobs, u.QuarantineKey, info.Bytes), info.Bytes)
}

// refusals are the faults that a file is to blame for, by the reason that its upload fails for.
var refusals = map[string]error{
	reasonMismatch: uploads.ErrMismatch, reasonCorrupt: uploads.ErrCorrupt,
	reasonAnimated: uploads.ErrAnimated, reasonTooManyPixels: uploads.ErrTooManyPixels,
}

// reasonOf returns the reason that an upload fails for, or "" where the file is not to blame.
func reasonOf(err error) string {
	for reason, refusal := range refusals {
		if errors.Is(err, refusal) {
			return reason
		}
	}
	return ""
}

// refuse fails the upload first: should the deletion fail, the sweep comes by.
func (s *Service) refuse(ctx context.Context, u *Upload, reason string, why error) error {
	if _, err := s.store.fail(ctx, u.ID, reason); err != nil {
		return err
	}
	if err := s.blobs.Delete(ctx, u.QuarantineKey); err != nil {
		return err
	}
	return why
}
