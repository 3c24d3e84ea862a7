package internal

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"atrium/modules/uploads"
	"atrium/platform/blob"
)

const (
	// sweepMost bounds one step of the sweep.
	sweepMost = batch
	// copiesAtOnce bounds how much of the bucket's time publishing takes.
	copiesAtOnce = 8
)

// immutable lets the CDN and clients keep a variant for good: its content never changes under its key.
const immutable = "public, max-age=31536000, immutable"

// Keeper looks after photos' files: copies for everybody, and their end.
type Keeper struct {
	store   *Store
	blobs   *blob.Store
	edge    *blob.Invalidator
	library *Library
}

// NewKeeper makes a Keeper.
func NewKeeper(store *Store, blobs *blob.Store, edge *blob.Invalidator, library *Library) *Keeper {
	return &Keeper{store: store, blobs: blobs, edge: edge, library: library}
}

// Publish copies photos' files to where everybody may open them. What is not wanted any more when they are there is removed
// again; a narrowing in the middle therefore leaves nothing behind.
func (k *Keeper) Publish(ctx context.Context, copies []PublicCopy) error {
	ids := make([]uuid.UUID, len(copies))
	for i, c := range copies {
		ids[i] = c.UploadID
	}
	rows, err := k.store.all(ctx, ids)
	if err != nil {
		return err
	}
	if err := k.copyAll(ctx, rows, copies); err != nil {
		return err
	}
	published, err := k.store.publish(ctx, copies)
	if err != nil {
		return err
	}
	k.library.photos.Drop(ctx, published...)
	return k.Withdraw(ctx, slices.DeleteFunc(slices.Clone(copies), func(c PublicCopy) bool {
		return slices.Contains(published, c.UploadID)
	}))
}

// copyAll copies the files of photos that everybody may see. Files that are erased meanwhile are no error: then the photo is too.
func (k *Keeper) copyAll(ctx context.Context, rows []*Upload, copies []PublicCopy) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(copiesAtOnce)
	for _, u := range rows {
		if !u.alive() || u.Audience != uploads.Everybody {
			continue
		}
		i := slices.IndexFunc(copies, func(c PublicCopy) bool { return c.UploadID == u.ID })
		if u.PublicKey != "" && u.PublicKey != copies[i].PublicKey {
			continue
		}
		from, to := files(privateFolder(u.PhotoKey), u.Sizes), files(publicFolder(copies[i].PublicKey), u.Sizes)
		for n := range from {
			group.Go(func() error {
				if err := k.blobs.Copy(ctx, from[n], to[n]); !errors.Is(err, blob.ErrNotFound) {
					return err
				}
				return nil
			})
		}
	}
	return group.Wait()
}

// Withdraw deletes copies for everybody, in the bucket and at the CDN.
func (k *Keeper) Withdraw(ctx context.Context, copies []PublicCopy) error {
	var keys []string
	for _, c := range copies {
		keys = append(keys, files(publicFolder(c.PublicKey), c.Sizes)...)
	}
	return k.purge(ctx, keys)
}

// purge deletes files that were served. The bucket comes first: the CDN would only fetch them again.
func (k *Keeper) purge(ctx context.Context, keys []string) error {
	if err := k.blobs.Delete(ctx, keys...); err != nil {
		return err
	}
	return k.edge.Invalidate(ctx, keys...)
}

// Erase deletes everything of uploads that were given up, the rows last.
func (k *Keeper) Erase(ctx context.Context, ids []uuid.UUID) error {
	rows, err := k.store.all(ctx, ids)
	if err != nil {
		return err
	}
	return k.erase(ctx, slices.DeleteFunc(rows, func(u *Upload) bool { return u.ReleasedAt == nil })...)
}

// erase deletes the files of uploads, and the rows of those that were given up.
func (k *Keeper) erase(ctx context.Context, rows ...*Upload) error {
	var served, others []string
	ids := make([]uuid.UUID, len(rows))
	for i, u := range rows {
		ids[i] = u.ID
		others = append(others, u.QuarantineKey, u.originalKey())
		if u.PublicKey != "" {
			served = append(served, files(publicFolder(u.PublicKey), u.Sizes)...)
		}
		if private := files(privateFolder(u.PhotoKey), u.Sizes); u.UsedAt != nil {
			served = append(served, private...)
		} else {
			others = append(others, private...) // its owner alone was shown it, for an hour at most
		}
		if u.Status == ready {
			continue
		}
		left, err := k.blobs.List(ctx, privateFolder(u.PhotoKey), "", 100) // by a run that did not come to its end
		if err != nil {
			return err
		}
		others = append(others, left...)
	}
	if err := k.blobs.Delete(ctx, others...); err != nil {
		return err
	}
	if err := k.purge(ctx, served); err != nil {
		return err
	}
	k.library.photos.Drop(ctx, ids...)
	return k.store.remove(ctx, ids)
}

// Sweep erases what led to nothing, and what was given up and is still there. Run twice at a time it does the same work twice,
// and no harm.
func (k *Keeper) Sweep(ctx context.Context, orphans time.Duration) error {
	if err := k.store.forgetOldImports(ctx, orphans); err != nil {
		return err
	}
	for {
		rows, err := k.store.stale(ctx, orphans, sweepMost)
		if err != nil {
			return err
		}
		if err := k.erase(ctx, rows...); err != nil {
			return err
		}
		if len(rows) < sweepMost {
			return nil
		}
	}
}
