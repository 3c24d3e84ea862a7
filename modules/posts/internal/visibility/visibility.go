// Package visibility decides who may see what: posts by their visibility and how their author stands to the viewer, people by blocks and
// locked accounts. Every list, read, like, comment and save asks it.
package visibility

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/modules/uploads"
	"atrium/modules/users"
)

// Policy decides who may see what. Safe for concurrent use.
type Policy struct{ graph users.Graph }

// NewPolicy returns a policy over the graph of follows, blocks and mutes.
func NewPolicy(graph users.Graph) *Policy { return &Policy{graph: graph} }

// Relations are how the people on one page stand to the viewer, as of one moment.
type Relations struct {
	viewer    uuid.UUID
	relations map[uuid.UUID]users.Relation
}

// Relations returns how people stand to the viewer (uuid.Nil: nobody is signed in): one call for all the people on a page.
func (p *Policy) Relations(ctx context.Context, viewer uuid.UUID, people []uuid.UUID) (Relations, error) {
	others := make([]uuid.UUID, 0, len(people))
	asked := map[uuid.UUID]bool{viewer: true}
	for _, id := range people {
		if !asked[id] {
			asked[id] = true
			others = append(others, id)
		}
	}
	if len(others) == 0 {
		return Relations{viewer: viewer}, nil
	}
	relations, err := p.graph.Relations(ctx, viewer, others)
	return Relations{viewer: viewer, relations: relations}, err
}

// CanSeePost reports whether the viewer may see a post of the author with this visibility.
func (r Relations) CanSeePost(author uuid.UUID, visibility string) bool {
	if r.isViewer(author) {
		return true
	}
	relation, known := r.relations[author]
	return known && relation.MaySee(visibility)
}

// CanSeePerson reports whether the viewer may come across the person, as the writer of a comment or in a list of likes: not across a
// block, and not where the person's account is locked.
func (r Relations) CanSeePerson(id uuid.UUID) bool {
	if r.isViewer(id) {
		return true
	}
	relation, known := r.relations[id]
	return known && !relation.Blocked && !relation.Gone
}

// HasMuted reports whether the viewer muted the person.
func (r Relations) HasMuted(id uuid.UUID) bool { return r.relations[id].Muted }

// Follows reports whether the viewer follows the person.
func (r Relations) Follows(id uuid.UUID) bool { return r.relations[id].Following }

// IsPrivate reports whether the person's account is private.
func (r Relations) IsPrivate(id uuid.UUID) bool { return r.relations[id].Private }

func (r Relations) isViewer(id uuid.UUID) bool { return id == r.viewer && id != uuid.Nil }

// PhotoAudience returns who may open the files of a post's photos without a signature: everybody, where everybody may see the post.
func PhotoAudience(visibility string, privateAccount bool) uploads.Audience {
	if visibility == posts.Public && !privateAccount {
		return uploads.Everybody
	}
	return uploads.Some
}
