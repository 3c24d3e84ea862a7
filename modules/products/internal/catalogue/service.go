// Package catalogue is how products and variants are created, changed, deleted and read.
package catalogue

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"atrium/modules/products/internal/listing"
	"atrium/modules/products/internal/price"
	"atrium/modules/products/internal/product"
	"atrium/modules/products/internal/recentlyviewed"
	"atrium/modules/uploads"
	"atrium/platform/database"
	"atrium/platform/etag"
	"atrium/platform/plug"
)

// Service creates, changes and deletes products and variants, and is products.Catalogue.
type Service struct {
	db       *database.DB
	store    *Store
	products *product.Store
	refs     *product.Refs
	listings *listing.Service
	prices   *price.Service
	viewed   *recentlyviewed.Service
	photos   uploads.Library
	log      *zap.Logger
}

// Deps is what NewService needs.
type Deps struct {
	plug.In

	DB       *database.DB
	Store    *Store
	Products *product.Store
	Refs     *product.Refs
	Listings *listing.Service
	Prices   *price.Service
	Viewed   *recentlyviewed.Service
	Photos   uploads.Library
	Log      *zap.Logger
}

func NewService(d Deps) *Service {
	return &Service{db: d.DB, store: d.Store, products: d.Products, refs: d.Refs, listings: d.Listings, prices: d.Prices, viewed: d.Viewed, photos: d.Photos, log: d.Log}
}

// slugTries bounds how often a slug made from a name is made again after somebody else took it.
const slugTries = 4

// Create creates a product. A slug that is asked for and taken is product.ErrSlugTaken; one made from the name gets an ending.
func (s *Service) Create(ctx context.Context, editor product.Editor, d product.Draft) (*product.Product, error) {
	if err := d.Clean("/body"); err != nil {
		return nil, err
	}
	if d.Slug != "" {
		if err := product.CheckSlug(d.Slug); err != nil {
			return nil, err
		}
		return s.create(ctx, editor, d, d.Slug)
	}
	slug := product.SlugFromName(d.Name)
	taken, err := s.store.SlugTaken(ctx, slug, uuid.Nil)
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		candidate := slug
		if taken {
			candidate = slug + "-" + strings.ToLower(rand.Text()[:6])
		}
		p, err := s.create(ctx, editor, d, candidate)
		if !errors.Is(err, product.ErrSlugTaken) || try == slugTries {
			return p, err
		}
		taken = true
	}
}

func (s *Service) create(ctx context.Context, editor product.Editor, d product.Draft, slug string) (*product.Product, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	p := &product.Product{
		ID: id, SellerID: editor.ID, Slug: slug, Name: d.Name, Brand: d.Brand, Description: d.Description,
		CategorySlug: d.Category, Status: d.Status, Version: 1, Tags: product.CleanTags(d.Tags), Materials: product.CleanTags(d.Materials),
		WeightG: d.WeightG, Photos: d.Photos, Variants: []product.Variant{},
	}
	p.SetDimensions(d.Dimensions)
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		if taken, err := s.store.SlugTaken(ctx, slug, id); err != nil || taken {
			return errors.Join(err, onlyIf(taken, product.ErrSlugTaken))
		}
		if err := s.attachPhotos(ctx, editor, d.Photos); err != nil {
			return err
		}
		if err := s.store.Insert(ctx, p); err != nil {
			return err
		}
		if err := s.listings.WriteText(ctx, p); err != nil {
			return err
		}
		return s.listings.Edited(ctx, id)
	})
	return p, err
}

// Edit changes a product. One that it leaves as it is keeps its version, and nobody is told.
func (s *Service) Edit(ctx context.Context, editor product.Editor, id uuid.UUID, match etag.Match, c product.Change) (*product.Product, error) {
	if err := c.Clean("/body"); err != nil {
		return nil, err
	}
	var edited *product.Product
	err := s.db.InTx(ctx, func(ctx context.Context) error {
		p, err := s.products.LockForEdit(ctx, editor, id)
		if err != nil {
			return err
		}
		if err := match.Check(p.Version); err != nil {
			return err
		}
		if edited = p; !c.Changes(*p) {
			return nil
		}
		if c.Photos != nil {
			if err := s.replacePhotos(ctx, editor, p, *c.Photos); err != nil {
				return err
			}
		}
		if err := s.changeSlug(ctx, p, c.Slug); err != nil {
			return err
		}
		p.Apply(c)
		if err := s.store.Update(ctx, p); err != nil {
			return err
		}
		if err := s.listings.WriteText(ctx, p); err != nil {
			return err
		}
		return s.listings.Edited(ctx, id)
	})
	return edited, err
}

// changeSlug gives a product another slug; the old one redirects from now on.
func (s *Service) changeSlug(ctx context.Context, p *product.Product, slug *string) error {
	if slug == nil || *slug == p.Slug {
		return nil
	}
	if err := product.CheckSlug(*slug); err != nil {
		return err
	}
	if taken, err := s.store.SlugTaken(ctx, *slug, p.ID); err != nil || taken {
		return errors.Join(err, onlyIf(taken, product.ErrSlugTaken))
	}
	old := p.Slug
	p.Slug = *slug
	return s.store.RetireSlug(ctx, p.ID, old, p.Slug)
}

// Delete deletes a product and releases its photos.
func (s *Service) Delete(ctx context.Context, editor product.Editor, id uuid.UUID) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		p, err := s.products.LockForEdit(ctx, editor, id)
		if err != nil {
			return err
		}
		if err := s.photos.Release(ctx, p.Photos); err != nil {
			return err
		}
		if err := s.listings.Delete(ctx, id); err != nil {
			return err
		}
		if err := s.store.Delete(ctx, id); err != nil {
			return err
		}
		return s.listings.Edited(ctx, id)
	})
}

// attachPhotos makes the editor's uploads photos of a product, in the transaction open in ctx.
func (s *Service) attachPhotos(ctx context.Context, editor product.Editor, photos []uuid.UUID) error {
	if len(photos) == 0 {
		return nil
	}
	return s.photos.Claim(ctx, uploads.Claim{Owner: editor.ID, Uploads: photos, Audience: uploads.Everybody, Pointer: "/body/photos", Bare: true})
}

// replacePhotos attaches the photos that are new on a product and releases those that are gone.
func (s *Service) replacePhotos(ctx context.Context, editor product.Editor, p *product.Product, photos []uuid.UUID) error {
	added := slices.DeleteFunc(slices.Clone(photos), func(id uuid.UUID) bool { return slices.Contains(p.Photos, id) })
	gone := slices.DeleteFunc(slices.Clone(p.Photos), func(id uuid.UUID) bool { return slices.Contains(photos, id) })
	if err := s.attachPhotos(ctx, editor, added); err != nil {
		return err
	}
	p.Photos = photos
	if len(gone) == 0 {
		return nil
	}
	return s.photos.Release(ctx, gone)
}

func onlyIf(condition bool, err error) error {
	if condition {
		return err
	}
	return nil
}
