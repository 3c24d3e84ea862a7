package internal

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"
	"golang.org/x/sync/semaphore"

	"atrium/modules/products"
	"atrium/modules/uploads"
	"atrium/platform/cache"
	"atrium/platform/database"
	"atrium/platform/etag"
	"atrium/platform/idempotency"
	"atrium/platform/outbox"
	"atrium/platform/photo"
)

// Service has the catalogue's use cases. It is products.Catalogue; Warehouse is products.Stock.
type Service struct {
	db     *database.DB
	store  *Store
	outbox *outbox.Outbox
	photos uploads.Library
	refs   *cache.Space[uuid.UUID, card]
	finds  *cache.Space[string, Found]
	tree   *cache.Space[string, []Category]
	shelf  *cache.Space[string, string] // one value, that every change of the catalogue replaces: the finds of before are passed by
	cfg    products.Config
	log    *zap.Logger

	searching *semaphore.Weighted // bounds the searches that ask the database at a time
}

// card is what the cache keeps of a product for products.Ref. The photo has a cache of its own.
type card struct {
	Ref   products.Ref
	Photo uuid.UUID
	Brand string
}

// NewService makes a Service.
func NewService(db *database.DB, store *Store, out *outbox.Outbox, photos uploads.Library, c *cache.Cache, cfg products.Config, log *zap.Logger) *Service {
	return &Service{
		db: db, store: store, outbox: out, photos: photos, cfg: cfg, log: log,
		searching: semaphore.NewWeighted(cfg.Searches),
		refs:      cache.NewSpace[uuid.UUID, card](c, "products.card.2", 10*time.Minute, 30*time.Second, 10_000),
		// A find may be kept in Redis and then here: together less than 5 seconds.
		finds: cache.NewSpace[string, Found](c, "products.find", 2500*time.Millisecond, 2*time.Second, 20_000),
		tree:  cache.NewSpace[string, []Category](c, "products.categories", 10*time.Minute, 30*time.Second, 1),
		shelf: cache.NewSpace[string, string](c, "products.shelf", 10*time.Minute, time.Minute, 1),
	}
}

// slugTries bounds how often a slug made from a name is made again after somebody else took it.
const slugTries = 4

// Create makes a product. A slug that is asked for and taken is errSlugTaken; one made from the name gets an ending.
func (s *Service) Create(ctx context.Context, editor Editor, d Draft) (*Product, error) {
	if d.Slug != "" {
		if err := checkSlug(d.Slug); err != nil {
			return nil, err
		}
		return s.create(ctx, editor, d, d.Slug)
	}
	slug := slugOf(d.Name)
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
		if !errors.Is(err, errSlugTaken) || try == slugTries {
			return p, err
		}
		taken = true
	}
}

func (s *Service) create(ctx context.Context, editor Editor, d Draft, slug string) (*Product, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	p := &Product{
		ID: id, SellerID: editor.ID, Slug: slug, Name: d.Name, Brand: d.Brand, Description: d.Description,
		CategorySlug: d.Category, Status: d.Status, Version: 1, Tags: cleanTags(d.Tags), Materials: cleanTags(d.Materials),
		WeightG: d.WeightG, Photos: d.Photos, Variants: []Variant{},
	}
	p.setDimensions(d.Dimensions)
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		if taken, err := s.store.SlugTaken(ctx, slug, id); err != nil || taken {
			return errors.Join(err, onlyIf(taken, errSlugTaken))
		}
		if err := s.claim(ctx, editor, d.Photos); err != nil {
			return err
		}
		if err := s.store.Insert(ctx, p); err != nil {
			return err
		}
		return s.edited(ctx, id)
	})
	return p, err
}

// Edit changes a product.
func (s *Service) Edit(ctx context.Context, editor Editor, id uuid.UUID, match etag.Match, c Change) (*Product, error) {
	var edited *Product
	err := s.db.InTx(ctx, func(ctx context.Context) error {
		p, err := s.editable(ctx, editor, id)
		if err != nil {
			return err
		}
		if err := match.Check(p.Version); err != nil {
			return err
		}
		if c.Photos != nil {
			if err := s.exchange(ctx, editor, p, *c.Photos); err != nil {
				return err
			}
		}
		if err := s.move(ctx, p, c.Slug); err != nil {
			return err
		}
		p.apply(c)
		if err := s.store.Update(ctx, p); err != nil {
			return err
		}
		edited = p
		return s.edited(ctx, id)
	})
	return edited, err
}

// move gives a product another slug; the old one redirects from now on.
func (s *Service) move(ctx context.Context, p *Product, slug *string) error {
	if slug == nil || *slug == p.Slug {
		return nil
	}
	if err := checkSlug(*slug); err != nil {
		return err
	}
	if taken, err := s.store.SlugTaken(ctx, *slug, p.ID); err != nil || taken {
		return errors.Join(err, onlyIf(taken, errSlugTaken))
	}
	old := p.Slug
	p.Slug = *slug
	return s.store.RetireSlug(ctx, p.ID, old, p.Slug)
}

// Delete takes a product off the shelf for good.
func (s *Service) Delete(ctx context.Context, editor Editor, id uuid.UUID) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		p, err := s.editable(ctx, editor, id)
		if err != nil {
			return err
		}
		if err := s.photos.Release(ctx, p.Photos); err != nil {
			return err
		}
		if err := s.store.Delete(ctx, id); err != nil {
			return err
		}
		return s.edited(ctx, id)
	})
}

// AddVariant makes a variant of a product.
func (s *Service) AddVariant(ctx context.Context, editor Editor, product uuid.UUID, d VariantDraft) (Variant, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return Variant{}, err
	}
	v := Variant{
		ID: id, ProductID: product, SKU: d.SKU, Name: d.Name, Options: d.Options, Version: 1}
	if v.Options == nil {
		v.Options = map[string]string{}
	}
	if err := v.setPrice(d.Price); err != nil {
		return Variant{}, err
	}
	if err := v.setCompareAt(d.CompareAt); err != nil {
		return Variant{}, err
	}
	if err := v.setSale(d.Sale); err != nil {
		return Variant{}, err
	}
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		if _, err := s.editable(ctx, editor, product); err != nil {
			return err
		}
		if err := s.store.InsertVariant(ctx, &v); err != nil {
			return err
		}
		v, err = s.offered(ctx, v)
		return err
	})
	return v, err
}

// EditVariant changes a variant. The lock on its product keeps two edits apart.
func (s *Service) EditVariant(ctx context.Context, editor Editor, id uuid.UUID, match etag.Match, c VariantChange) (Variant, error) {
	var v Variant
	err := s.db.InTx(ctx, func(ctx context.Context) error {
		if err := s.editableVariant(ctx, editor, id); err != nil {
			return err
		}
		var err error
		if v, err = s.store.Variant(ctx, id); err != nil {
			return err
		}
		if err := match.Check(v.Version); err != nil {
			return err
		}
		if err := v.apply(c); err != nil {
			return err
		}
		if err := s.store.UpdateVariant(ctx, &v); err != nil {
			return err
		}
		v, err = s.offered(ctx, v)
		return err
	})
	return v, err
}

// dueAtOnce bounds how many products one look at the clock brings up to date.
const dueAtOnce = 200

// RepriceDue brings products up to date one of whose prices has just changed by the clock.
func (s *Service) RepriceDue(ctx context.Context) error {
	due, err := s.store.Due(ctx, dueAtOnce)
	if err != nil {
		return err
	}
	for _, id := range due {
		err := s.db.InTx(ctx, func(ctx context.Context) error {
			if _, err := s.store.Lock(ctx, id); err != nil {
				return err
			}
			if err := s.store.Reprice(ctx, id); err != nil {
				return err
			}
			return s.edited(ctx, id)
		})
		if err != nil && !errors.Is(err, products.ErrNotFound) {
			return err
		}
	}
	return nil
}

// offered brings up to date what follows from a variant that was written, and reads it again as it is asked for now.
func (s *Service) offered(ctx context.Context, v Variant) (Variant, error) {
	if err := s.store.Chronicle(ctx, v.ID); err != nil {
		return v, err
	}
	if err := s.store.Reprice(ctx, v.ProductID); err != nil {
		return v, err
	}
	found, err := s.store.ByIDs(ctx, []uuid.UUID{v.ProductID})
	if err != nil {
		return v, err
	}
	p := found[v.ProductID]
	if err := s.store.Index(ctx, p); err != nil {
		return v, err
	}
	if i := slices.IndexFunc(p.Variants, func(other Variant) bool { return other.ID == v.ID }); i >= 0 {
		v = p.Variants[i]
	}
	return v, s.edited(ctx, v.ProductID)
}

// AdjustStock counts pieces in or out of a variant's stock, and returns the level then.
func (s *Service) AdjustStock(ctx context.Context, editor Editor, variant uuid.UUID, delta int64, reason string) (Level, error) {
	var level Level
	err := s.db.InTx(ctx, func(ctx context.Context) error {
		if err := s.editableVariant(ctx, editor, variant); err != nil {
			return err
		}
		if _, ok := idempotency.Attached(ctx); ok { // an earlier run of this request has counted them
			v, err := s.store.Variant(ctx, variant)
			level = Level{ProductID: v.ProductID, OnHand: v.OnHand, Reserved: v.Reserved}
			return err
		}
		if err := idempotency.Attach(ctx, variant); err != nil {
			return err
		}
		var err error
		if level, err = s.store.Adjust(ctx, variant, delta, reason, editor.ID); err != nil {
			return err
		}
		if level.available() == 0 || level.available() == delta { // sold out, or back
			return s.edited(ctx, level.ProductID)
		}
		return nil
	})
	return level, err
}

// editable locks a product that the editor may change. Somebody else's is products.ErrNotFound.
func (s *Service) editable(ctx context.Context, editor Editor, id uuid.UUID) (*Product, error) {
	p, err := s.store.Lock(ctx, id)
	if err != nil {
		return nil, err
	}
	if !editor.mayEdit(p) {
		return nil, products.ErrNotFound
	}
	return p, nil
}

// editableVariant is editable for the product of a variant; somebody else's variant is errVariantNotFound.
func (s *Service) editableVariant(ctx context.Context, editor Editor, variant uuid.UUID) error {
	v, err := s.store.Variant(ctx, variant)
	if err != nil {
		return err
	}
	_, err = s.editable(ctx, editor, v.ProductID)
	if errors.Is(err, products.ErrNotFound) {
		return errVariantNotFound
	}
	return err
}

// edited is changed for what an editor did: they find it at once, whatever was found before.
func (s *Service) edited(ctx context.Context, id uuid.UUID) error {
	s.db.AfterCommit(ctx, func(ctx context.Context) { s.shelf.Drop(ctx, shelfKey) })
	return s.changed(ctx, id)
}

// changed brings listings up to date and tells the world, and this instance's cache before the answer leaves.
func (s *Service) changed(ctx context.Context, ids ...uuid.UUID) error {
	s.db.AfterCommit(ctx, func(ctx context.Context) { s.refs.Drop(ctx, ids...) })
	shifts, err := s.store.Relist(ctx, ids)
	if err != nil {
		return err
	}
	for _, shift := range shifts {
		for _, event := range eventsOf(shift) {
			if err := s.outbox.Publish(ctx, event); err != nil {
				return err
			}
		}
	}
	for _, id := range ids {
		if err := s.outbox.Publish(ctx, products.Changed{ProductID: id}); err != nil {
			return err
		}
	}
	return nil
}

// eventsOf are the facts in a shift that are news to those who wait for a product.
func eventsOf(shift Shift) (events []outbox.Event) {
	was, is := shift.Was, shift.Is
	before, now := was.price(), is.price()
	if before != nil && now != nil && *before != *now {
		events = append(events, products.Repriced{ProductID: is.ProductID, Was: *before, Now: *now})
	}
	if was.Visible && is.Visible && !was.InStock && is.InStock {
		events = append(events, products.BackInStock{ProductID: is.ProductID})
	}
	return events
}

func (s *Service) claim(ctx context.Context, editor Editor, photos []uuid.UUID) error {
	if len(photos) == 0 {
		return nil
	}
	return s.photos.Claim(ctx, uploads.Claim{Owner: editor.ID, Uploads: photos, Audience: uploads.Everybody, Pointer: "/body/photos", Bare: true})
}

// exchange claims the photos that are new on a product and releases those that are gone.
func (s *Service) exchange(ctx context.Context, editor Editor, p *Product, photos []uuid.UUID) error {
	added := slices.DeleteFunc(slices.Clone(photos), func(id uuid.UUID) bool { return slices.Contains(p.Photos, id) })
	gone := slices.DeleteFunc(slices.Clone(p.Photos), func(id uuid.UUID) bool { return slices.Contains(photos, id) })
	if err := s.claim(ctx, editor, added); err != nil {
		return err
	}
	p.Photos = photos
	if len(gone) == 0 {
		return nil
	}
	return s.photos.Release(ctx, gone)
}

// Photos returns the photos of products, by their ids.
func (s *Service) Photos(ctx context.Context, rows []*Product) (map[uuid.UUID]photo.Photo, error) {
	var ids []uuid.UUID
	for _, p := range rows {
		ids = append(ids, p.Photos...)
	}
	if len(ids) == 0 {
		return map[uuid.UUID]photo.Photo{}, nil
	}
	return s.photos.Photos(ctx, ids)
}

func onlyIf(condition bool, err error) error {
	if condition {
		return err
	}
	return nil
}
