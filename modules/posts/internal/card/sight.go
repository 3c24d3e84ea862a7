package card

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/users"
)

// Sight decides who may see what. Every list, read, like, comment and save asks it.
type Sight struct{ graph users.Graph }

// NewSight makes a Sight.
func NewSight(graph users.Graph) *Sight { return &Sight{graph: graph} }

// View is how the authors on one page stand to the viewer.
type View struct {
	viewer    uuid.UUID
	relations map[uuid.UUID]users.Relation
}

// Of asks for all the people on a page in one call.
func (s *Sight) Of(ctx context.Context, viewer uuid.UUID, people []uuid.UUID) (View, error) {
	others := make([]uuid.UUID, 0, len(people))
	asked := map[uuid.UUID]bool{viewer: true}
	for _, id := range people {
		if !asked[id] {
			asked[id] = true
			others = append(others, id)
		}
	}
	if len(others) == 0 {
		return View{viewer: viewer}, nil
	}
	relations, err := s.graph.Relations(ctx, viewer, others)
	return View{viewer: viewer, relations: relations}, err
}

// Post reports whether the viewer may see a post of the author with this visibility.
func (v View) Post(author uuid.UUID, visibility string) bool {
	if v.self(author) {
		return true
	}
	relation, known := v.relations[author]
	return known && relation.MaySee(visibility)
}

// Person reports whether the viewer may come across the person, as the writer of a comment or in a list of likes.
func (v View) Person(id uuid.UUID) bool {
	if v.self(id) {
		return true
	}
	relation, known := v.relations[id]
	return known && !relation.Blocked && !relation.Gone
}

// Muted reports whether the viewer does not want to hear of the person.
func (v View) Muted(id uuid.UUID) bool { return v.relations[id].Muted }

// Follows reports whether the viewer follows the person.
func (v View) Follows(id uuid.UUID) bool { return v.relations[id].Following }

// Private reports whether the person's account is private.
func (v View) Private(id uuid.UUID) bool { return v.relations[id].Private }

func (v View) self(id uuid.UUID) bool { return id == v.viewer && id != uuid.Nil }
