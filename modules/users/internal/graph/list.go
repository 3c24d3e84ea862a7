package graph

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/users"
	"atrium/modules/users/internal/relation"
	"atrium/modules/users/internal/user"
	"atrium/platform/page"
)

// profileView is a profile as a viewer gets it. Hidden: the viewer blocks the person and gets only the short form.
type profileView struct {
	users.User
	Hidden bool
}

// Profile shows a person to a viewer (uuid.Nil: nobody), or returns ErrNotFound for whoever is gone or blocks them.
func (s *Service) Profile(ctx context.Context, viewer uuid.UUID, idOrHandle string) (profileView, error) {
	id, err := s.directory.Resolve(ctx, idOrHandle)
	if err != nil {
		return profileView{}, err
	}
	u, err := s.users.Find(ctx, id)
	if err != nil {
		return profileView{}, err
	}
	relations, err := s.relations.Of(ctx, viewer, []uuid.UUID{id})
	if err != nil {
		return profileView{}, err
	}
	r := relations[id]
	if u.Gone || r.BlocksMe {
		return profileView{}, users.ErrNotFound
	}
	view := profileView{User: u.Profile(), Hidden: r.BlockedByMe}
	view.Viewer = r.Viewer()
	if view.Counts.Posts, err = s.countPosts(ctx, viewer, r); err != nil {
		return profileView{}, err
	}
	err = s.directory.AddPictures(ctx, u, &view.User)
	return view, err
}

// countPosts returns how many of the person's posts the viewer can open.
func (s *Service) countPosts(ctx context.Context, viewer uuid.UUID, r relation.Row) (int64, error) {
	counts, err := s.posts.CountByAuthor(ctx, []uuid.UUID{r.ID})
	if viewer == r.ID {
		return counts[r.ID].Total(), err
	}
	return counts[r.ID].SeenBy(r.Relation().MaySee), err
}

// Person is a person in a list: the API's Person.
type Person struct {
	users.Ref
	Viewer     users.Viewer `json:"viewer"`
	MutedUntil *time.Time   `json:"muted_until,omitempty" doc:"in your list of mutes: when it ends by itself"`
}

// SchemaName is its name in the OpenAPI document.
func (Person) SchemaName() string { return "Person" }

// ListOf lists the followers of a person or whom they follow; for a private one only to themselves and their followers.
func (s *Service) ListOf(ctx context.Context, name string, k relation.Kind, viewer uuid.UUID, idOrHandle string, q page.Query) (page.List[Person], error) {
	id, err := s.directory.Resolve(ctx, idOrHandle)
	if err != nil {
		return page.List[Person]{}, err
	}
	if id != viewer {
		relations, err := s.relations.Relations(ctx, viewer, []uuid.UUID{id})
		if err != nil {
			return page.List[Person]{}, err
		}
		if !relations[id].MaySee("public") {
			return page.List[Person]{}, users.ErrNotFound
		}
	}
	return s.list(ctx, name, k, id, viewer, q)
}

// ListOwn lists one's own blocks, mutes or requests.
func (s *Service) ListOwn(ctx context.Context, name string, k relation.Kind, me uuid.UUID, q page.Query) (page.List[Person], error) {
	return s.list(ctx, name, k, me, me, q)
}

func (s *Service) list(ctx context.Context, name string, k relation.Kind, owner, viewer uuid.UUID, q page.Query) (page.List[Person], error) {
	scope := page.Scope(name, viewer, owner.String())
	var after *position
	var from position
	more, err := s.cursors.OpenCursor(scope, q.Cursor, &from)
	if err != nil {
		return page.List[Person]{}, err
	}
	if more {
		after = &from
	}
	rows, err := s.store.list(ctx, k, owner, viewer, after, q.Limit+1)
	if err != nil {
		return page.List[Person]{}, err
	}
	people := make([]user.User, len(rows))
	for i, row := range rows {
		people[i] = row.Person
	}
	persons, err := s.persons(ctx, viewer, people)
	if err != nil {
		return page.List[Person]{}, err
	}
	return page.Cut(s.cursors, scope, q.Limit, rows,
		func(row member) Person {
			person := persons[row.Person.ID]
			person.MutedUntil = row.Until
			return person
		},
		func(row member) any { return position{At: row.Since, ID: row.Person.ID} }), nil
}

// persons renders people for a viewer, by id.
func (s *Service) persons(ctx context.Context, viewer uuid.UUID, people []user.User) (map[uuid.UUID]Person, error) {
	ids := make([]uuid.UUID, len(people))
	for i, u := range people {
		ids[i] = u.ID
	}
	relations, err := s.relations.Of(ctx, viewer, ids)
	if err != nil {
		return nil, err
	}
	refs, err := s.directory.RefsOf(ctx, people)
	if err != nil {
		return nil, err
	}
	persons := make(map[uuid.UUID]Person, len(people))
	for _, ref := range refs {
		persons[ref.ID] = Person{Ref: ref, Viewer: relations[ref.ID].Viewer()}
	}
	return persons, nil
}

// Resolve returns the id of a person by id or handle, or users.ErrNotFound.
func (s *Service) Resolve(ctx context.Context, idOrHandle string) (uuid.UUID, error) {
	return s.directory.Resolve(ctx, idOrHandle)
}
