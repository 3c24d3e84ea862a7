package search

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/semaphore"

	"atrium/modules/products"
	"atrium/modules/products/internal/category"
	"atrium/modules/products/internal/listing"
	"atrium/modules/products/internal/product"
	"atrium/modules/products/internal/terms"
	"atrium/modules/users"
	"atrium/platform/cache"
	"atrium/platform/plug"
)

// Service finds products. Safe for concurrent use.
type Service struct {
	store      *Store
	products   *product.Store
	categories *category.Service
	people     users.Directory
	currency   string // the shop's own
	epoch      *listing.Epoch
	found      *cache.Space[string, Found]
	slots      *semaphore.Weighted // bounds the searches that ask the database at a time
}

// Deps is what NewService needs.
type Deps struct {
	plug.In

	Store      *Store
	Products   *product.Store
	Categories *category.Service
	People     users.Directory
	Epoch      *listing.Epoch
	Cache      *cache.Cache
	Config     products.Config
}

// NewService bounds the searches of this process by the configuration.
func NewService(d Deps) *Service {
	return &Service{store: d.Store, products: d.Products, categories: d.Categories, people: d.People, currency: d.Config.Currency, epoch: d.Epoch,
		slots: semaphore.NewWeighted(d.Config.Searches),
		// What was found may be kept in Redis and then here: together less than 5 seconds.
		found: cache.NewSpace[string, Found](d.Cache, "products.find", 2500*time.Millisecond, 2*time.Second, 32*cache.MB)}
}

// Page is what Search found: products in the order of their positions, by id, and the facets. A product that was deleted or
// hidden a moment ago has a position but is absent.
type Page struct {
	Products  map[uuid.UUID]*product.Product
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

// Currency returns the currency that a viewer's prices are compared in: theirs, where anything is offered in it, else the shop's own.
func (s *Service) Currency(ctx context.Context, viewer uuid.UUID) (string, error) {
	if viewer == uuid.Nil {
		return s.currency, nil
	}
	theirs, err := s.people.Currency(ctx, viewer)
	if err != nil || theirs == "" || theirs == s.currency {
		return s.currency, err
	}
	offered, err := s.store.Offered(ctx, theirs)
	if err != nil || !offered {
		return s.currency, err
	}
	return theirs, nil
}

// Search finds products on sale. It finds one more than limit, if there is one. Which they are may be up to 5 seconds old;
// what they are is of this moment.
func (s *Service) Search(ctx context.Context, r Request) (Page, error) {
	var err error
	if r.Filter.Categories, err = s.categories.Branches(ctx, r.Category); err != nil {
		return Page{}, err
	}
	r.Filter.Words, r.Filter.Former = searchWords(r.Typed)
	r.Filter.Typed = terms.Key(r.Typed)
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
	if page.Products, err = s.products.ByIDs(ctx, ids); err != nil {
		return Page{}, err
	}
	maps.DeleteFunc(page.Products, func(_ uuid.UUID, p *product.Product) bool { return !p.OnSale() })
	return page, nil
}

// timeout bounds a find. It does not end with the request that began it: others may wait for the same.
const timeout = 10 * time.Second

// find is the part of a search that people share who look for the same at about the same time.
func (s *Service) find(ctx context.Context, r Request) (Found, error) {
	epoch, err := s.epoch.Current(ctx)
	if err != nil {
		return Found{}, err
	}
	name, err := json.Marshal([]any{epoch, r.Filter, r.After, r.Limit})
	if err != nil {
		return Found{}, err
	}
	return s.found.Load(ctx, string(name), func(ctx context.Context) (Found, error) {
		ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), timeout)
		defer stop()
		if err := s.slots.Acquire(ctx, 1); err != nil {
			return Found{}, err
		}
		defer s.slots.Release(1)
		if len(r.Filter.Words) > 0 {
			if r.Filter.Expansions, err = s.store.Expand(ctx, slices.Concat(r.Filter.Words, r.Filter.Former)); err != nil {
				return Found{}, err
			}
		}
		return s.store.Find(ctx, r.Filter, r.After, r.Limit+1)
	})
}

// maxSuggestions is how many ways to go on a half-typed search gets.
const maxSuggestions = 10

// Suggest returns what a half-typed search may become: categories, brands, and then products.
func (s *Service) Suggest(ctx context.Context, q string) ([]Suggestion, error) {
	words, former := searchWords(q)
	if len(words) == 0 {
		return nil, nil
	}
	expansions, err := s.store.Expand(ctx, slices.Concat(words, former))
	if err != nil {
		return nil, err
	}
	suggestions, err := s.suggestCategories(ctx, strings.Join(words, " "))
	if err != nil {
		return nil, err
	}
	for _, words := range [][]string{words, former} {
		if len(words) == 0 {
			continue
		}
		found, err := s.store.Suggest(ctx, words, expansions, maxSuggestions)
		if err != nil {
			return nil, err
		}
		suggestions = slices.Concat(suggestions, found)
	}
	return firstOf(suggestions, maxSuggestions), nil
}

// maxCategories is how many of the suggestions are categories.
const maxCategories = 3

func (s *Service) suggestCategories(ctx context.Context, typed string) (begun []Suggestion, err error) {
	all, err := s.categories.All(ctx)
	for _, c := range all {
		if len(begun) < maxCategories && (strings.HasPrefix(terms.Key(c.Name), typed) || strings.HasPrefix(c.Slug, typed)) {
			begun = append(begun, Suggestion{Kind: "category", Text: c.Name, Slug: c.Slug})
		}
	}
	return begun, err
}

// firstOf returns the first n suggestions, each once.
func firstOf(all []Suggestion, n int) []Suggestion {
	first := make([]Suggestion, 0, n)
	for _, suggestion := range all {
		if len(first) < n && !slices.Contains(first, suggestion) {
			first = append(first, suggestion)
		}
	}
	return first
}
