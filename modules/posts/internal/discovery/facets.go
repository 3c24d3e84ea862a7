package discovery

import (
	"cmp"
	"context"
	"slices"

	"github.com/google/uuid"

	"atrium/modules/posts"
)

// Facets says how many of the posts that a search finds are of which room and style.
type Facets struct {
	Rooms       []Facet `json:"rooms"`
	Styles      []Facet `json:"styles"`
	Total       int     `json:"total" example:"42"`
	Approximate bool    `json:"approximate" doc:"more than 1,000 were found: only the newest were counted"`
}

// SchemaName is its name in the OpenAPI document.
func (Facets) SchemaName() string { return "PostFacets" }

// Facet is one value and how many posts have it.
type Facet struct {
	Value string `json:"value" example:"living"`
	Count int    `json:"count" example:"12"`
}

// SchemaName is its name in the OpenAPI document.
func (Facet) SchemaName() string { return "PostFacet" }

// mostCounted is how many posts facets count.
const mostCounted = 1000

// traits is what of a post its facets are made of.
type traits struct {
	AuthorID    uuid.UUID
	Room, Style string // "": none
}

// Facets counts what the viewer may see of what Search finds; colours are not looked at.
func (s *Service) Facets(ctx context.Context, viewer uuid.UUID, search Search) (Facets, error) {
	search.Colors = nil
	if _, err := s.check(search); err != nil {
		return Facets{}, err
	}
	found, err := s.store.traits(ctx, wordsOf(search.Text), search.Room, search.Style, mostCounted+1)
	if err != nil {
		return Facets{}, err
	}
	authors := make([]uuid.UUID, len(found))
	for i, t := range found {
		authors[i] = t.AuthorID
	}
	relations, err := s.policy.Relations(ctx, viewer, authors)
	if err != nil {
		return Facets{}, err
	}
	facets := Facets{Approximate: len(found) > mostCounted}
	rooms, styles := map[string]int{}, map[string]int{}
	for _, t := range found[:min(len(found), mostCounted)] {
		if relations.CanSeePost(t.AuthorID, posts.Public) {
			facets.Total++
			rooms[t.Room]++
			styles[t.Style]++
		}
	}
	facets.Rooms, facets.Styles = ranked(rooms), ranked(styles)
	return facets, nil
}

// ranked lists what was counted, most first. What is nothing is no value.
func ranked(counts map[string]int) []Facet {
	delete(counts, "")
	facets := make([]Facet, 0, len(counts))
	for value, n := range counts {
		facets = append(facets, Facet{value, n})
	}
	slices.SortFunc(facets, func(a, b Facet) int { return cmp.Or(b.Count-a.Count, cmp.Compare(a.Value, b.Value)) })
	return facets
}
