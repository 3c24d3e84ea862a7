package internal

import (
	"context"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"atrium/modules/products"
	"atrium/platform/database"
	"atrium/platform/fault"
	"atrium/platform/photo"
)

var errUnknownCategory = fault.Invalid("products.unknown_category", "There is no such category.",
	fault.Field{Pointer: "query.category", Detail: "must be the slug of a category"})

// Read returns a product by id or slug, as the viewer may see it, or products.ErrNotFound.
// moved is the product's slug now where an old one was asked for. Looking is remembered for people who are signed in.
func (s *Service) Read(ctx context.Context, viewer Editor, idOrSlug string) (p *Product, moved string, err error) {
	id, current, err := s.locate(ctx, idOrSlug)
	if err != nil {
		return nil, "", err
	}
	found, err := s.store.ByIDs(ctx, []uuid.UUID{id})
	if err != nil {
		return nil, "", err
	}
	p = found[id]
	if p == nil || !p.visibleTo(viewer) {
		return nil, "", products.ErrNotFound
	}
	if !current {
		return nil, p.Slug, nil
	}
	if viewer.ID != uuid.Nil && p.Status == statusActive {
		if err := s.store.Viewed(ctx, viewer.ID, id, s.cfg.Viewed); err != nil {
			s.log.Warn("a look at a product was not remembered", zap.Error(err)) // no reason to hide the product
		}
	}
	return p, "", nil
}

// Resolve satisfies products.Catalogue.
func (s *Service) Resolve(ctx context.Context, idOrSlug string) (uuid.UUID, error) {
	id, _, err := s.locate(ctx, idOrSlug)
	if err != nil {
		return uuid.Nil, err
	}
	found, err := s.Refs(ctx, []uuid.UUID{id})
	if err != nil {
		return uuid.Nil, err
	}
	if _, ok := found[id]; !ok {
		return uuid.Nil, products.ErrNotFound
	}
	return id, nil
}

func (s *Service) locate(ctx context.Context, idOrSlug string) (id uuid.UUID, current bool, err error) {
	if id, err := uuid.Parse(idOrSlug); err == nil && len(idOrSlug) == 36 {
		return id, true, nil
	}
	return s.store.BySlug(ctx, idOrSlug)
}

// Page is what Search found: products in order, where the next page begins (nil: nowhere), and the facets.
type Page struct {
	Products    []*Product
	Positions   []Position
	Facets      []Bucket
	Approximate bool // more matched than facets count exactly
}

// Search finds products on sale. It reads one more than limit, if there is one.
func (s *Service) Search(ctx context.Context, q string, f Filter, after *Position, limit int) (Page, error) {
	var page Page
	if err := s.checkCategory(ctx, f.Category); err != nil {
		return page, err
	}
	f.Words = searchWords(q)
	if q != "" && len(f.Words) == 0 {
		return page, nil // only signs were typed: no product has them
	}
	var err error
	if len(f.Words) > 0 {
		if f.Meant, err = s.store.Alternatives(ctx, f.Words); err != nil {
			return page, err
		}
	}
	if page.Positions, err = s.store.Find(ctx, f, after, limit+1); err != nil {
		return page, err
	}
	if page.Facets, err = s.store.Facets(ctx, f); err != nil {
		return page, err
	}
	ids := make([]uuid.UUID, len(page.Positions))
	for i, position := range page.Positions {
		ids[i] = position.ID
	}
	found, err := s.store.ByIDs(ctx, ids)
	if err != nil {
		return page, err
	}
	var positions []Position
	for _, position := range page.Positions {
		if p := found[position.ID]; p != nil { // deleted between the two reads
			page.Products, positions = append(page.Products, p), append(positions, position)
		}
	}
	page.Positions = positions
	return page, nil
}

func (s *Service) checkCategory(ctx context.Context, slug string) error {
	if slug == "" {
		return nil
	}
	all, err := s.store.Categories(ctx)
	if err != nil {
		return err
	}
	for _, c := range all {
		if c.Slug == slug {
			return nil
		}
	}
	return errUnknownCategory
}

// maxSuggestions is how many ways to go on a half-typed search gets.
const maxSuggestions = 10

// Suggest returns what a half-typed search may become.
func (s *Service) Suggest(ctx context.Context, q string) ([]Suggestion, error) {
	words := searchWords(q)
	if len(words) == 0 {
		return nil, nil
	}
	meant, err := s.store.Alternatives(ctx, words)
	if err != nil {
		return nil, err
	}
	return s.store.Suggest(ctx, words, meant, maxSuggestions)
}

func searchWords(q string) []string {
	words := wordsOf(q)
	return words[:min(len(words), maxSearchWords)]
}

// Refs satisfies products.Catalogue.
func (s *Service) Refs(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]products.Ref, error) {
	cards, err := s.refs.LoadMany(ctx, ids, s.loadCards)
	if err != nil {
		return nil, err
	}
	refs := make(map[uuid.UUID]products.Ref, len(cards))
	var covers []uuid.UUID
	for id, c := range cards {
		refs[id] = c.Ref
		if c.Photo != uuid.Nil {
			covers = append(covers, c.Photo)
		}
	}
	if len(covers) == 0 {
		return refs, nil
	}
	photos, err := s.photos.Photos(ctx, covers)
	if err != nil {
		return nil, err
	}
	for id, c := range cards {
		ref := refs[id]
		ref.Photo = brief(photos, c.Photo)
		refs[id] = ref
	}
	return refs, nil
}

func (s *Service) loadCards(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]card, error) {
	rows, err := s.store.ByIDs(ctx, ids)
	if err != nil {
		return nil, err
	}
	cards := make(map[uuid.UUID]card, len(rows))
	for id, p := range rows {
		if p.Status != statusActive {
			continue
		}
		c := card{Ref: p.ref()}
		if len(p.Photos) > 0 {
			c.Photo = p.Photos[0]
		}
		cards[id] = c
	}
	return cards, nil
}

func brief(photos map[uuid.UUID]photo.Photo, id uuid.UUID) *photo.Photo {
	if p, ok := photos[id]; ok {
		p = p.Brief()
		return &p
	}
	return nil
}

// Offers satisfies products.Catalogue.
func (s *Service) Offers(ctx context.Context, variants []uuid.UUID) (map[uuid.UUID]products.Offer, error) {
	offers, err := s.store.Offers(ctx, variants)
	if err != nil || database.InTransaction(ctx) {
		return offers, err
	}
	var ids []uuid.UUID
	for _, o := range offers {
		ids = append(ids, o.Product.ID)
	}
	refs, err := s.Refs(ctx, ids)
	for id, o := range offers {
		o.Product.Photo = refs[o.Product.ID].Photo
		offers[id] = o
	}
	return offers, err
}

// Variants satisfies products.Catalogue.
func (s *Service) Variants(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID][]products.Offer, error) {
	byProduct, err := s.store.OffersOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	refs, err := s.Refs(ctx, ids)
	for _, offers := range byProduct {
		for i := range offers {
			offers[i].Product.Photo = refs[offers[i].Product.ID].Photo
		}
	}
	return byProduct, err
}
