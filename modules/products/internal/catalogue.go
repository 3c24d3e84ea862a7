package internal

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"maps"
	"slices"
	"time"

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

// Page is what Search found: products in the order of their positions, by id, and the facets. A product that was taken off the
// shelf a moment ago has a position but is absent.
type Page struct {
	Products  map[uuid.UUID]*Product
	Positions []Position
	Facets    []Bucket
}

// Request is a search: what was typed, literally, and what else products must have.
type Request struct {
	Typed    string
	Category string // slug; its branches are included
	Filter   Filter
	After    *Position // nil: the first page
	Limit    int
}

// Search finds products on sale. It finds one more than limit, if there is one. Which they are may be up to 5 seconds old;
// what they are is of this moment.
func (s *Service) Search(ctx context.Context, r Request) (Page, error) {
	var err error
	if r.Filter.Categories, err = s.branches(ctx, r.Category); err != nil {
		return Page{}, err
	}
	r.Filter.Words = searchWords(r.Typed)
	if r.Typed != "" && len(r.Filter.Words) == 0 {
		return Page{}, nil // only signs were typed: no product has them
	}
	found, err := s.find(ctx, r)
	if err != nil {
		return Page{}, err
	}
	ids := make([]uuid.UUID, len(found.Positions))
	for i, position := range found.Positions {
		ids[i] = position.ID
	}
	page := Page{Positions: found.Positions, Facets: found.Facets}
	if page.Products, err = s.store.ByIDs(ctx, ids); err != nil {
		return Page{}, err
	}
	maps.DeleteFunc(page.Products, func(_ uuid.UUID, p *Product) bool { return p.Status != statusActive })
	return page, nil
}

// shelfKey is the one key of Service.shelf.
const shelfKey = "state"

// findTime bounds a find. It does not end with the request that began it: others may wait for the same.
const findTime = 10 * time.Second

// find is the part of a search that people share who look for the same at about the same time.
func (s *Service) find(ctx context.Context, r Request) (Found, error) {
	state, err := s.shelf.Load(ctx, shelfKey, func(context.Context) (string, error) { return rand.Text(), nil })
	if err != nil {
		return Found{}, err
	}
	name, err := json.Marshal([]any{state, r.Filter, r.After, r.Limit})
	if err != nil {
		return Found{}, err
	}
	return s.finds.Load(ctx, string(name), func(ctx context.Context) (Found, error) {
		ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), findTime)
		defer stop()
		if err := s.searching.Acquire(ctx, 1); err != nil {
			return Found{}, err
		}
		defer s.searching.Release(1)
		if len(r.Filter.Words) > 0 {
			if r.Filter.Senses, err = s.store.Senses(ctx, r.Filter.Words); err != nil {
				return Found{}, err
			}
		}
		return s.store.Find(ctx, r.Filter, r.After, r.Limit+1)
	})
}

// branches are a category and all below it; none for none.
func (s *Service) branches(ctx context.Context, slug string) ([]string, error) {
	if slug == "" {
		return nil, nil
	}
	all, err := s.Categories(ctx)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(all, func(c Category) bool { return c.Slug == slug }) {
		return nil, errUnknownCategory
	}
	branches := []string{slug}
	for i := 0; i < len(branches); i++ {
		for _, c := range all {
			if c.ParentSlug != nil && *c.ParentSlug == branches[i] && !slices.Contains(branches, c.Slug) {
				branches = append(branches, c.Slug)
			}
		}
	}
	return branches, nil
}

// Categories returns all categories in the order they are shown. Cached.
func (s *Service) Categories(ctx context.Context) ([]Category, error) {
	return s.tree.Load(ctx, shelfKey, s.store.Categories)
}

// maxSuggestions is how many ways to go on a half-typed search gets.
const maxSuggestions = 10

// Suggest returns what a half-typed search may become.
func (s *Service) Suggest(ctx context.Context, q string) ([]Suggestion, error) {
	words := searchWords(q)
	if len(words) == 0 {
		return nil, nil
	}
	senses, err := s.store.Senses(ctx, words)
	if err != nil {
		return nil, err
	}
	return s.store.Suggest(ctx, words, senses, maxSuggestions)
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
		ref := c.Ref
		ref.Brand = c.Brand
		refs[id] = ref
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
		c := card{Ref: p.ref(), Brand: p.Brand}
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

// Alternatives implements products.Catalogue.
func (s *Service) Alternatives(ctx context.Context, ids []uuid.UUID, n int) (map[uuid.UUID][]products.Ref, error) {
	found, err := s.store.Instead(ctx, ids, n)
	if err != nil {
		return nil, err
	}
	refs, err := s.Refs(ctx, slices.Concat(slices.Collect(maps.Values(found))...))
	alternatives := make(map[uuid.UUID][]products.Ref, len(found))
	for id, others := range found {
		for _, other := range others {
			if ref, ok := refs[other]; ok {
				alternatives[id] = append(alternatives[id], ref)
			}
		}
	}
	return alternatives, err
}

// exportedAtOnce is how many products one look of Export reads.
const exportedAtOnce = 200

// Export hands everything that an editor may change to write, in batches and the order of ids, until write fails.
func (s *Service) Export(ctx context.Context, editor Editor, write func([]*Product) error) error {
	var seller *uuid.UUID
	if !editor.Admin {
		seller = &editor.ID
	}
	for after := uuid.Nil; ; {
		ids, err := s.store.Owned(ctx, seller, after, exportedAtOnce)
		if err != nil || len(ids) == 0 {
			return err
		}
		found, err := s.store.ByIDs(ctx, ids)
		if err != nil {
			return err
		}
		batch := make([]*Product, 0, len(ids))
		for _, id := range ids {
			if p := found[id]; p != nil {
				batch = append(batch, p)
			}
		}
		if err := write(batch); err != nil {
			return err
		}
		after = ids[len(ids)-1]
	}
}
