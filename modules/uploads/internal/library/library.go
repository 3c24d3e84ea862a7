// Package library hands photos to other modules: claims and releases, who may open them, URLs and palettes.
package library

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/lucasb-eyer/go-colorful"

	"atrium/modules/uploads"
	"atrium/modules/uploads/internal/imaging"
	"atrium/modules/uploads/internal/importer"
	"atrium/modules/uploads/internal/upload"
	"atrium/platform/blob"
	"atrium/platform/cache"
	"atrium/platform/database"
	"atrium/platform/outbox"
	"atrium/platform/photo"
	"atrium/platform/plug"
	"atrium/platform/text"
)

// Deps are what a Service needs.
type Deps struct {
	plug.In
	Config  uploads.Config
	DB      *database.DB
	Store   *Store
	Imports *importer.Store
	Outbox  *outbox.Outbox
	CDN     *blob.CDN
	Cache   *cache.Cache
}

// Service implements uploads.Library.
type Service struct {
	db      *database.DB
	store   *Store
	imports *importer.Store
	outbox  *outbox.Outbox
	cdn     *blob.CDN
	cached  *cache.Space[uuid.UUID, unsignedPhoto]
	urlTTL  time.Duration
}

func NewService(d Deps) *Service {
	return &Service{
		db: d.DB, store: d.Store, imports: d.Imports, outbox: d.Outbox, cdn: d.CDN, urlTTL: d.Config.URLTTL,
		cached: cache.NewSpace[uuid.UUID, unsignedPhoto](d.Cache, "uploads.photo", time.Hour, time.Minute, 48*cache.MB),
	}
}

// Claim implements uploads.Library.
func (s *Service) Claim(ctx context.Context, c uploads.Claim) error {
	if len(c.Uploads) == 0 {
		return nil
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		found, err := s.store.lock(ctx, c.Uploads)
		if err != nil {
			return err
		}
		if err := checkClaim(&c, found); err != nil {
			return err
		}
		if err := s.store.claim(ctx, c.Uploads, c.Alts, c.Audience); err != nil {
			return err
		}
		s.DropCached(ctx, c.Uploads...)
		return s.publishAll(ctx, slices.Collect(maps.Values(found)), c.Audience)
	})
}

// checkClaim brings the texts of a claim into the form in which they are kept, or names everything that is wrong with it.
func checkClaim(c *uploads.Claim, found map[uuid.UUID]*upload.Upload) error {
	wrong := uploads.ErrNotUsable
	if err := cleanAlts(c); err != nil && !errors.As(err, &wrong) {
		return err
	}
	for i, id := range c.Uploads {
		if why := whyNotUsable(found[id], c.Owner); why != "" {
			wrong = wrong.At(c.At(i), why)
		} else if slices.Contains(c.Uploads[:i], id) {
			wrong = wrong.At(c.At(i), "The photo is in the list already.")
		}
	}
	if len(wrong.Fields) > 0 {
		return wrong
	}
	return nil
}

// cleanAlts names the texts about photos that are too long. The caller's own stay as they are.
func cleanAlts(c *uploads.Claim) error {
	c.Alts = slices.Clone(c.Alts)
	inputs := make([]text.Input, len(c.Alts))
	for i := range c.Alts {
		inputs[i] = text.Input{Pointer: fmt.Sprintf("%s/%d/alt", c.Pointer, i), Text: &c.Alts[i], Limit: upload.MaxAlt}
	}
	return text.Clean(uploads.ErrNotUsable, inputs...)
}

// Release implements uploads.Library. A task deletes the files.
func (s *Service) Release(ctx context.Context, photos []uuid.UUID) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		if err := s.imports.Cancel(ctx, photos...); err != nil {
			return err
		}
		released, err := s.store.release(ctx, photos)
		if err != nil {
			return err
		}
		s.DropCached(ctx, released...)
		var erasures []outbox.Task
		for ids := range slices.Chunk(released, batch) {
			erasures = append(erasures, Erase{UploadIDs: ids})
		}
		return s.outbox.EnqueueAll(ctx, erasures)
	})
}

// ReleaseOwner releases everything of one person, in the transaction open in ctx. The sweep deletes the files.
func (s *Service) ReleaseOwner(ctx context.Context, owner uuid.UUID) error {
	if err := s.imports.CancelOwner(ctx, owner); err != nil {
		return err
	}
	released, err := s.store.releaseOwner(ctx, owner)
	s.DropCached(ctx, released...)
	return err
}

// SetAudience changes who may open the photos' files. A narrowed photo gets signed URLs of its private files at once, and its
// copies for everybody, whose folder has another name, are deleted; a widened one keeps signed URLs until its copies are there.
func (s *Service) SetAudience(ctx context.Context, photos []uuid.UUID, audience uploads.Audience) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		found, err := s.store.lock(ctx, photos)
		if err != nil {
			return err
		}
		var ids []uuid.UUID
		var changed []*upload.Upload
		var public []PublicCopy
		for _, u := range found {
			if u.Audience == audience || u.ReleasedAt != nil {
				continue
			}
			ids, changed = append(ids, u.ID), append(changed, u)
			if u.PublicKey != "" {
				public = append(public, PublicCopy{UploadID: u.ID, PublicKey: u.PublicKey, Sizes: u.Sizes})
			}
		}
		if err := s.store.setAudience(ctx, ids, audience); err != nil {
			return err
		}
		s.DropCached(ctx, ids...)
		var withdrawals []outbox.Task
		for copies := range slices.Chunk(public, batch) {
			withdrawals = append(withdrawals, Withdraw{Copies: copies})
		}
		if err := s.outbox.EnqueueAll(ctx, withdrawals, outbox.Urgent()); err != nil {
			return err
		}
		return s.publishAll(ctx, changed, audience)
	})
}

// ClaimImported claims the photo of an import for everybody, in the transaction that makes it ready; any other is left alone.
func (s *Service) ClaimImported(ctx context.Context, u *upload.Upload) error {
	imported, err := s.imports.Finish(ctx, u.ID)
	if err != nil || !imported {
		return err
	}
	if err := s.store.claim(ctx, []uuid.UUID{u.ID}, nil, uploads.Everybody); err != nil {
		return err
	}
	return s.publishAll(ctx, []*upload.Upload{u}, uploads.Everybody)
}

// publishAll enqueues the copying of photos that everybody may see.
func (s *Service) publishAll(ctx context.Context, photos []*upload.Upload, audience uploads.Audience) error {
	if audience != uploads.Everybody {
		return nil
	}
	var publications []outbox.Task
	for some := range slices.Chunk(photos, batch) {
		copies := make([]PublicCopy, len(some))
		for i, u := range some {
			copies[i] = PublicCopy{UploadID: u.ID, PublicKey: upload.RandomKey(), Sizes: u.Sizes}
		}
		publications = append(publications, Publish{Copies: copies})
	}
	return s.outbox.EnqueueAll(ctx, publications)
}

// DropCached makes the next reader see photos as they are after the transaction in ctx, or now, where there is none.
func (s *Service) DropCached(ctx context.Context, photos ...uuid.UUID) {
	s.cached.DropAfterCommit(ctx, photos...)
}

// Photos returns what clients see. The cache keeps no signatures; the CDN's signer has a cache of its own.
func (s *Service) Photos(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]photo.Photo, error) {
	found, err := s.cached.LoadMany(ctx, ids, s.store.photos)
	if err != nil {
		return nil, err
	}
	photos := make(map[uuid.UUID]photo.Photo, len(found))
	for id, cached := range found {
		if photos[id], err = s.withURLs(cached); err != nil {
			return nil, err
		}
	}
	return photos, nil
}

// Palettes returns photos' colours. A palette is kept as clients see it, which is exact enough for them: within 0.6 of dE2000.
func (s *Service) Palettes(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID][]uploads.Tone, error) {
	found, err := s.cached.LoadMany(ctx, ids, s.store.photos)
	if err != nil {
		return nil, err
	}
	palettes := make(map[uuid.UUID][]uploads.Tone, len(found))
	for id, cached := range found {
		if palettes[id], err = tones(cached.Photo.Palette); err != nil {
			return nil, err
		}
	}
	return palettes, nil
}

func tones(palette []photo.Swatch) ([]uploads.Tone, error) {
	const percent = 100 // of L, which go-colorful scales to 0..1, and of a and b with it
	tones := make([]uploads.Tone, len(palette))
	for i, swatch := range palette {
		color, err := colorful.Hex(swatch.Color)
		if err != nil {
			return nil, fmt.Errorf("uploads: a palette: %w", err)
		}
		l, a, b := color.Lab()
		tones[i] = uploads.Tone{L: l * percent, A: a * percent, B: b * percent, Weight: swatch.Weight}
	}
	return tones, nil
}

// Photo returns one upload that is a photo as clients see it, from its row.
func (s *Service) Photo(u *upload.Upload) (photo.Photo, error) { return s.withURLs(unsigned(u)) }

// withURLs adds plain CDN URLs where there are copies for everybody, and signed ones elsewhere.
func (s *Service) withURLs(u unsignedPhoto) (photo.Photo, error) {
	const template = "{size}.{format}"
	p := u.Photo
	p.Formats = imaging.Formats
	if u.PublicKey != "" {
		p.Src = s.cdn.Public(upload.PublicFolder(u.PublicKey)) + template
		return p, nil
	}
	folder := upload.PrivateFolder(u.PhotoKey)
	query, expires, err := s.cdn.SignPrefix(folder, s.urlTTL)
	if err != nil {
		return photo.Photo{}, err
	}
	p.Src = s.cdn.Public(folder) + template + "?" + query
	p.URLsExpireAt = &expires
	return p, nil
}

// whyNotUsable returns the sentence for a claim by owner that cannot be granted, or "".
func whyNotUsable(u *upload.Upload, owner uuid.UUID) string {
	switch {
	case u == nil || u.OwnerID != owner || u.ReleasedAt != nil:
		return "There is no such upload."
	case u.Status == upload.Failed:
		return "The upload has failed."
	case u.Status != upload.Ready:
		return "The upload is not ready."
	case u.UsedAt != nil:
		return "The photo is used already."
	}
	return ""
}
