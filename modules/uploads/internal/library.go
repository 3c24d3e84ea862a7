package internal

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/lucasb-eyer/go-colorful"

	"atrium/modules/uploads"
	"atrium/modules/uploads/internal/darkroom"
	"atrium/platform/blob"
	"atrium/platform/cache"
	"atrium/platform/database"
	"atrium/platform/outbox"
	"atrium/platform/photo"
)

// Library is what other modules may do with photos.
type Library struct {
	db     *database.DB
	store  *Store
	outbox *outbox.Outbox
	cdn    *blob.CDN
	photos *cache.Space[uuid.UUID, likeness]
	urlTTL time.Duration
}

// NewLibrary makes a Library.
func NewLibrary(cfg uploads.Config, db *database.DB, store *Store, o *outbox.Outbox, cdn *blob.CDN, c *cache.Cache) *Library {
	return &Library{
		db: db, store: store, outbox: o, cdn: cdn, urlTTL: cfg.URLTTL,
		photos: cache.NewSpace[uuid.UUID, likeness](c, "uploads.photo", time.Hour, time.Minute, 50_000),
	}
}

// Claim marks photos as used.
func (l *Library) Claim(ctx context.Context, c uploads.Claim) error {
	if len(c.Uploads) == 0 {
		return nil
	}
	return l.db.InTx(ctx, func(ctx context.Context) error {
		found, err := l.store.lock(ctx, c.Uploads)
		if err != nil {
			return err
		}
		if err := check(c, found); err != nil {
			return err
		}
		if err := l.store.use(ctx, c.Uploads, c.Alts, c.Audience); err != nil {
			return err
		}
		l.dropAfterCommit(ctx, c.Uploads)
		return l.publishAll(ctx, slices.Collect(maps.Values(found)), c.Audience)
	})
}

// check names everything that is wrong with a claim.
func check(c uploads.Claim, found map[uuid.UUID]*Upload) error {
	wrong := uploads.ErrNotUsable
	for i, id := range c.Uploads {
		pointer := fmt.Sprintf("%s/%d", c.Pointer, i)
		if why := found[id].whyNotUsable(c.Owner); why != "" {
			wrong = wrong.At(c.At(i), why)
		} else if slices.Contains(c.Uploads[:i], id) {
			wrong = wrong.At(c.At(i), "The photo is in the list already.")
		}
		if c.Alts != nil && utf8.RuneCountInString(c.Alts[i]) > mostAlt {
			wrong = wrong.At(pointer+"/alt", fmt.Sprintf("must have at most %d characters", mostAlt))
		}
	}
	if len(wrong.Fields) > 0 {
		return wrong
	}
	return nil
}

// Release gives photos up. A task deletes the files.
func (l *Library) Release(ctx context.Context, photos []uuid.UUID) error {
	return l.db.InTx(ctx, func(ctx context.Context) error {
		if err := l.store.forgetImports(ctx, photos); err != nil {
			return err
		}
		released, err := l.store.release(ctx, photos)
		if err != nil {
			return err
		}
		l.dropAfterCommit(ctx, released)
		var erasures []outbox.Task
		for ids := range slices.Chunk(released, batch) {
			erasures = append(erasures, Erase{UploadIDs: ids})
		}
		return l.outbox.EnqueueAll(ctx, erasures)
	})
}

// ReleaseOwner gives everything of one person up, in the transaction open in ctx. The sweep deletes the files.
func (l *Library) ReleaseOwner(ctx context.Context, owner uuid.UUID) error {
	if err := l.store.forgetImportsOf(ctx, owner); err != nil {
		return err
	}
	released, err := l.store.releaseOwner(ctx, owner)
	l.dropAfterCommit(ctx, released)
	return err
}

// SetAudience changes who may open the photos' files. A narrowed photo gets signed URLs of its private files at once, and its
// copies for everybody, whose folder has another name, are deleted; a widened one keeps signed URLs until its copies are there.
func (l *Library) SetAudience(ctx context.Context, photos []uuid.UUID, audience uploads.Audience) error {
	return l.db.InTx(ctx, func(ctx context.Context) error {
		found, err := l.store.lock(ctx, photos)
		if err != nil {
			return err
		}
		var ids []uuid.UUID
		var changed []*Upload
		var public []PublicCopy
		for _, u := range found {
			if u.Audience == audience || u.ReleasedAt != nil {
				continue
			}
			ids, changed = append(ids, u.ID), append(changed, u)
			if u.PublicKey != "" {
				public = append(public, u.publicCopy(u.PublicKey))
			}
		}
		if err := l.store.setAudience(ctx, ids, audience); err != nil {
			return err
		}
		l.dropAfterCommit(ctx, ids)
		var withdrawals []outbox.Task
		for copies := range slices.Chunk(public, batch) {
			withdrawals = append(withdrawals, Withdraw{Copies: copies})
		}
		if err := l.outbox.EnqueueAll(ctx, withdrawals); err != nil {
			return err
		}
		return l.publishAll(ctx, changed, audience)
	})
}

// adopt claims the photo of an import for everybody, in the transaction that makes it ready; any other is left alone.
func (l *Library) adopt(ctx context.Context, u *Upload) error {
	imported, err := l.store.adopt(ctx, u.ID)
	if err != nil || !imported {
		return err
	}
	if err := l.store.use(ctx, []uuid.UUID{u.ID}, nil, uploads.Everybody); err != nil {
		return err
	}
	return l.publishAll(ctx, []*Upload{u}, uploads.Everybody)
}

// publishAll has copies made of photos that everybody may see.
func (l *Library) publishAll(ctx context.Context, photos []*Upload, audience uploads.Audience) error {
	if audience != uploads.Everybody {
		return nil
	}
	var publications []outbox.Task
	for some := range slices.Chunk(photos, batch) {
		copies := make([]PublicCopy, len(some))
		for i, u := range some {
			copies[i] = u.publicCopy(randomKey())
		}
		publications = append(publications, Publish{Copies: copies})
	}
	return l.outbox.EnqueueAll(ctx, publications)
}

func (l *Library) dropAfterCommit(ctx context.Context, photos []uuid.UUID) {
	if len(photos) > 0 {
		l.db.AfterCommit(ctx, func(ctx context.Context) { l.photos.Drop(ctx, photos...) })
	}
}

// Photos returns what clients see. The cache keeps no signatures; the CDN's signer has a cache of its own.
func (l *Library) Photos(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]photo.Photo, error) {
	found, err := l.photos.LoadMany(ctx, ids, l.store.likenesses)
	if err != nil {
		return nil, err
	}
	photos := make(map[uuid.UUID]photo.Photo, len(found))
	for id, likeness := range found {
		if photos[id], err = l.show(likeness); err != nil {
			return nil, err
		}
	}
	return photos, nil
}

// Palettes returns photos' colours. A palette is kept as clients see it, which is exact enough for them: within 0.6 of dE2000.
func (l *Library) Palettes(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID][]uploads.Tone, error) {
	found, err := l.photos.LoadMany(ctx, ids, l.store.likenesses)
	if err != nil {
		return nil, err
	}
	palettes := make(map[uuid.UUID][]uploads.Tone, len(found))
	for id, likeness := range found {
		if palettes[id], err = tones(likeness.Photo.Palette); err != nil {
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

// show puts the URLs in.
func (l *Library) show(k likeness) (photo.Photo, error) {
	const template = "{size}.{format}"
	p := k.Photo
	p.Formats = darkroom.Formats
	if k.PublicKey != "" {
		p.Src = l.cdn.Public(publicFolder(k.PublicKey)) + template
		return p, nil
	}
	folder := privateFolder(k.PhotoKey)
	query, expires, err := l.cdn.SignPrefix(folder, l.urlTTL)
	if err != nil {
		return photo.Photo{}, err
	}
	p.Src = l.cdn.Public(folder) + template + "?" + query
	p.URLsExpireAt = &expires
	return p, nil
}

// likeness is the part of the row that clients see.
func (u *Upload) likeness() likeness {
	k := likeness{PhotoKey: u.PhotoKey, PublicKey: u.PublicKey, Photo: photo.Photo{
		ID: u.ID, Width: u.Width, Height: u.Height, Alt: u.Alt, Blurhash: u.Blurhash, Palette: u.Palette, Sizes: u.Sizes,
	}}
	if len(u.Palette) > 0 {
		k.Photo.DominantColor = u.Palette[0].Color
	}
	return k
}
