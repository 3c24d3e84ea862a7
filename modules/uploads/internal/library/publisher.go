package library

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"atrium/modules/uploads"
	"atrium/modules/uploads/internal/upload"
	"atrium/platform/blob"
)

// maxCopies bounds how many files publishing copies at a time.
const maxCopies = 8

// Publisher makes and deletes the copies of photos' files that everybody may open.
type Publisher struct {
	uploads *upload.Store
	store   *Store
	blobs   *blob.Store
	cdn     *blob.Invalidator
	library *Service
}

func NewPublisher(u *upload.Store, s *Store, blobs *blob.Store, cdn *blob.Invalidator, l *Service) *Publisher {
	return &Publisher{uploads: u, store: s, blobs: blobs, cdn: cdn, library: l}
}

// Publish copies photos' files to where everybody may open them. Copies that are not wanted any more once they are there are
// deleted again, so a narrowing in the middle leaves nothing behind. Idempotent.
func (p *Publisher) Publish(ctx context.Context, copies []PublicCopy) error {
	ids := make([]uuid.UUID, len(copies))
	for i, c := range copies {
		ids[i] = c.UploadID
	}
	rows, err := p.uploads.FindAll(ctx, ids)
	if err != nil {
		return err
	}
	if err := p.copyAll(ctx, rows, copies); err != nil {
		return err
	}
	published, err := p.store.publish(ctx, copies)
	if err != nil {
		return err
	}
	p.library.DropCached(ctx, published...)
	return p.Withdraw(ctx, slices.DeleteFunc(slices.Clone(copies), func(c PublicCopy) bool {
		return slices.Contains(published, c.UploadID)
	}))
}

// copyAll copies the files of photos that everybody may see. Files that are erased meanwhile are no error: the photo is erased, too.
func (p *Publisher) copyAll(ctx context.Context, rows []*upload.Upload, copies []PublicCopy) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxCopies)
	for _, u := range rows {
		if !u.IsPhoto() || u.Audience != uploads.Everybody {
			continue
		}
		i := slices.IndexFunc(copies, func(c PublicCopy) bool { return c.UploadID == u.ID })
		if u.PublicKey != "" && u.PublicKey != copies[i].PublicKey {
			continue
		}
		from := upload.VariantKeys(upload.PrivateFolder(u.PhotoKey), u.Sizes)
		to := upload.VariantKeys(upload.PublicFolder(copies[i].PublicKey), u.Sizes)
		for n := range from {
			group.Go(func() error {
				if err := p.blobs.Copy(ctx, from[n], to[n]); !errors.Is(err, blob.ErrNotFound) {
					return err
				}
				return nil
			})
		}
	}
	return group.Wait()
}

// Withdraw deletes copies for everybody, in the bucket and at the CDN.
func (p *Publisher) Withdraw(ctx context.Context, copies []PublicCopy) error {
	var keys []string
	for _, c := range copies {
		keys = append(keys, upload.VariantKeys(upload.PublicFolder(c.PublicKey), c.Sizes)...)
	}
	return p.Purge(ctx, keys)
}

// Purge deletes files that were served. The bucket comes first: the CDN would only fetch them again.
func (p *Publisher) Purge(ctx context.Context, keys []string) error {
	if err := p.blobs.Delete(ctx, keys...); err != nil {
		return err
	}
	return p.cdn.Invalidate(ctx, keys...)
}
