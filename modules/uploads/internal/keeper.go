package internal

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"atrium/modules/uploads"
	"atrium/modules/uploads/internal/darkroom"
	"atrium/platform/blob"
)

// sweepMost bounds one round of the sweep.
const sweepMost = 200

// immutable lets the CDN and clients keep a variant for good: its content never changes under its key.
const immutable = "public, max-age=31536000, immutable"

// Keeper looks after photos' files: copies for everybody, and their end.
type Keeper struct {
	store   *Store
	blobs   *blob.Store
	library *Library
}

// NewKeeper makes a Keeper.
func NewKeeper(store *Store, blobs *blob.Store, library *Library) *Keeper {
	return &Keeper{store: store, blobs: blobs, library: library}
}

// Publish copies a photo's files to where everybody may open them. Should that not be wanted any more when they are there,
// they are removed again; a narrowing in the middle therefore leaves nothing behind.
func (k *Keeper) Publish(ctx context.Context, id uuid.UUID, key string) error {
	u, err := k.store.find(ctx, id)
	if errors.Is(err, uploads.ErrNotFound) {
		return k.Withdraw(ctx, key)
	}
	if err != nil {
		return err
	}
	wanted := u.alive() && u.Audience == uploads.Everybody && (u.PublicKey == "" || u.PublicKey == key)
	if !wanted {
		return k.Withdraw(ctx, key)
	}
	if err := k.copy(ctx, u, key); errors.Is(err, blob.ErrNotFound) {
		return k.Withdraw(ctx, key) // erased meanwhile
	} else if err != nil {
		return err
	}
	published, err := k.store.publish(ctx, id, key)
	if err != nil {
		return err
	}
	if !published {
		return k.Withdraw(ctx, key)
	}
	k.library.photos.Drop(ctx, id)
	return nil
}

func (k *Keeper) copy(ctx context.Context, u *Upload, key string) error {
	for _, size := range u.Sizes {
		for _, format := range darkroom.Formats {
			name := fileName(size, format)
			if err := k.blobs.Copy(ctx, privateFolder(u.PhotoKey)+name, publicFolder(key)+name); err != nil {
				return err
			}
		}
	}
	return nil
}

// Withdraw deletes copies for everybody.
func (k *Keeper) Withdraw(ctx context.Context, key string) error {
	return k.clear(ctx, publicFolder(key))
}

// Erase deletes everything of an upload that was given up, the row last.
func (k *Keeper) Erase(ctx context.Context, id uuid.UUID) error {
	u, err := k.store.find(ctx, id)
	if errors.Is(err, uploads.ErrNotFound) {
		return nil
	}
	if err != nil || u.ReleasedAt == nil {
		return err
	}
	return k.erase(ctx, u)
}

func (k *Keeper) erase(ctx context.Context, u *Upload) error {
	if u.PublicKey != "" {
		if err := k.clear(ctx, publicFolder(u.PublicKey)); err != nil {
			return err
		}
	}
	if err := k.clear(ctx, privateFolder(u.PhotoKey)); err != nil {
		return err
	}
	if err := k.blobs.Delete(ctx, u.QuarantineKey, u.originalKey()); err != nil {
		return err
	}
	k.library.photos.Drop(ctx, u.ID)
	return k.store.remove(ctx, u.ID)
}

// Sweep erases what led to nothing, and what was given up and is still there. Run twice at a time it does the same work twice,
// and no harm.
func (k *Keeper) Sweep(ctx context.Context, orphans time.Duration) error {
	for {
		rows, err := k.store.stale(ctx, orphans, sweepMost)
		if err != nil {
			return err
		}
		for _, u := range rows {
			if err := k.erase(ctx, u); err != nil {
				return err
			}
		}
		if len(rows) < sweepMost {
			return nil
		}
	}
}

func (k *Keeper) clear(ctx context.Context, folder string) error {
	keys, err := k.blobs.List(ctx, folder, "", 1000)
	if err != nil {
		return err
	}
	return k.blobs.Delete(ctx, keys...)
}
