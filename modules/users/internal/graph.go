package internal

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/modules/users"
	"atrium/platform/database"
	"atrium/platform/fault"
	"atrium/platform/outbox"
	"atrium/platform/page"
)

// errMuteEnd answers a mute that has ended already.
var errMuteEnd = fault.Invalid("users.invalid_mute", "This mute would be over already.")

// Graph is who follows, blocks and mutes whom: users.Graph, and what people do about it.
//
// Everything that changes a tie between two people first locks both, in the order of their ids. So a block and a follow of
// the same pair never pass each other, and figures move by exactly the rows that changed.
type Graph struct {
	db        *database.DB
	store     store
	outbox    *outbox.Outbox
	directory *Directory
	cursors   *page.Signer
	tastes    posts.Tastes
}

// NewGraph makes the service.
func NewGraph(db *database.DB, events *outbox.Outbox, directory *Directory, cursors *page.Signer, tastes posts.Tastes) *Graph {
	return &Graph{db: db, store: store{db}, outbox: events, directory: directory, cursors: cursors, tastes: tastes}
}

// Follow makes me follow other; a private person is asked instead. Following twice is no error.
func (g *Graph) Follow(ctx context.Context, me, other uuid.UUID) error {
	return g.between(ctx, me, other, func(ctx context.Context, them user, r relation) error {
		if r.BlocksMe || r.BlockedByMe {
			return users.ErrNotFound
		}
		if them.IsPrivate && !r.Following {
			return g.request(ctx, me, other)
		}
		return g.admit(ctx, me, other)
	})
}

func (g *Graph) request(ctx context.Context, me, other uuid.UUID) error {
	asked, err := g.store.put(ctx, requestsEdge, other, me)
	if err != nil || !asked {
		return err
	}
	return g.outbox.Publish(ctx, users.FollowRequested{Follower: me, Followee: other})
}

// admit makes the follow itself.
func (g *Graph) admit(ctx context.Context, follower, followee uuid.UUID) error {
	if _, err := g.store.cut(ctx, requestsEdge, followee, follower); err != nil {
		return err
	}
	made, err := g.store.follow(ctx, pair{follower, followee})
	if err != nil {
		return err
	}
	return publishFollows(ctx, g.outbox, made)
}

func publishFollows(ctx context.Context, events *outbox.Outbox, made []pair) error {
	all := make([]outbox.Event, len(made))
	for i, p := range made {
		all[i] = users.Followed{Follower: p.FollowerID, Followee: p.FolloweeID}
	}
	return events.PublishAll(ctx, all)
}

// Unfollow ends it, and takes a request back. Where there was nothing, that is no error.
func (g *Graph) Unfollow(ctx context.Context, me, other uuid.UUID) error {
	return g.between(ctx, me, other, func(ctx context.Context, _ user, r relation) error {
		if r.BlocksMe {
			return users.ErrNotFound
		}
		if _, err := g.store.cut(ctx, requestsEdge, other, me); err != nil {
			return err
		}
		return g.part(ctx, pair{me, other})
	})
}

func (g *Graph) part(ctx context.Context, pairs ...pair) error {
	ended, err := g.store.unfollow(ctx, pairs...)
	if err != nil {
		return err
	}
	all := make([]outbox.Event, len(ended))
	for i, p := range ended {
		all[i] = users.Unfollowed{Follower: p.FollowerID, Followee: p.FolloweeID}
	}
	return g.outbox.PublishAll(ctx, all)
}

// Block hides two people from each other: follows and requests both ways end in the same transaction.
func (g *Graph) Block(ctx context.Context, me, other uuid.UUID) error {
	return g.between(ctx, me, other, func(ctx context.Context, _ user, r relation) error {
		if r.BlocksMe {
			return users.ErrNotFound
		}
		fresh, err := g.store.put(ctx, blocksEdge, me, other)
		if err != nil || !fresh {
			return err
		}
		for _, p := range []pair{{me, other}, {other, me}} {
			if _, err := g.store.cut(ctx, requestsEdge, p.FolloweeID, p.FollowerID); err != nil {
				return err
			}
		}
		if err := g.part(ctx, pair{me, other}, pair{other, me}); err != nil {
			return err
		}
		return g.outbox.Publish(ctx, users.Blocked{Blocker: me, Blocked: other})
	})
}

// Unblock lets them see each other again; nobody follows by that.
func (g *Graph) Unblock(ctx context.Context, me, other uuid.UUID) error {
	return g.loosen(ctx, blocksEdge, me, other)
}

// Mute keeps other out of my feed, until then or (nil) for good; muting again changes until when. Other never learns of it.
func (g *Graph) Mute(ctx context.Context, me, other uuid.UUID, until *time.Time) error {
	if err := inFuture(until, time.Now()); err != nil {
		return err
	}
	return g.between(ctx, me, other, func(ctx context.Context, _ user, r relation) error {
		if r.BlocksMe || r.BlockedByMe {
			return users.ErrNotFound
		}
		return g.store.mute(ctx, me, other, until)
	})
}

// inFuture refuses the end of a mute that is over before it begins.
func inFuture(until *time.Time, now time.Time) error {
	if until != nil && !until.After(now) {
		return errMuteEnd.At("/body/expires_at", "must be in the future")
	}
	return nil
}

// Unmute ends it.
func (g *Graph) Unmute(ctx context.Context, me, other uuid.UUID) error {
	return g.loosen(ctx, mutesEdge, me, other)
}

// loosen deletes a tie of mine. What is mine can always be undone, whoever hides from me meanwhile; where there was
// nothing, a hidden person is not found.
func (g *Graph) loosen(ctx context.Context, e edge, me, other uuid.UUID) error {
	return g.between(ctx, me, other, func(ctx context.Context, _ user, r relation) error {
		there, err := g.store.cut(ctx, e, me, other)
		if err == nil && !there && r.BlocksMe {
			return users.ErrNotFound
		}
		return err
	})
}

// Accept answers a request with yes, or ErrNoRequest.
func (g *Graph) Accept(ctx context.Context, me, follower uuid.UUID) error {
	return g.between(ctx, me, follower, func(ctx context.Context, _ user, r relation) error {
		there, err := g.store.cut(ctx, requestsEdge, me, follower)
		switch {
		case err != nil:
			return err
		case !there && r.FollowsMe: // said yes already
			return nil
		case !there:
			return users.ErrNoRequest
		}
		return g.admit(ctx, follower, me)
	})
}

// Reject answers a request with no; the other never learns of it. Where there is none, that is no error.
func (g *Graph) Reject(ctx context.Context, me, follower uuid.UUID) error {
	return g.between(ctx, me, follower, func(ctx context.Context, _ user, _ relation) error {
		_, err := g.store.cut(ctx, requestsEdge, me, follower)
		return err
	})
}

// between locks me and other, finds out how they stand, and runs fn in one transaction. ErrSelf for oneself,
// ErrNotFound for whoever is gone.
func (g *Graph) between(ctx context.Context, me, other uuid.UUID, fn func(ctx context.Context, them user, r relation) error) error {
	if me == other {
		return users.ErrSelf
	}
	return g.db.InTx(ctx, func(ctx context.Context) error {
		both, err := g.store.lockAll(ctx, me, other)
		if err != nil {
			return err
		}
		them, ok := both[other]
		if mine, here := both[me]; !ok || !here || them.Gone || mine.Gone {
			return users.ErrNotFound
		}
		relations, err := g.store.relations(ctx, me, []uuid.UUID{other})
		if err != nil {
			return err
		}
		g.directory.tiesChange(ctx, me, other)
		return fn(ctx, them, relations[other])
	})
}

// Viewers implements users.Graph.
func (g *Graph) Viewers(ctx context.Context, viewer uuid.UUID, others []uuid.UUID) (map[uuid.UUID]users.Viewer, error) {
	found := make(map[uuid.UUID]users.Viewer, len(others))
	if len(others) == 0 {
		return found, nil
	}
	rows, err := g.store.relations(ctx, viewer, others)
	for id, r := range rows {
		found[id] = r.viewer()
	}
	return found, err
}

// Following implements users.Graph.
func (g *Graph) Following(ctx context.Context, id, after uuid.UUID, limit int) ([]uuid.UUID, error) {
	return g.store.neighbours(ctx, followingEdge, id, after, limit)
}

// Followers implements users.Graph.
func (g *Graph) Followers(ctx context.Context, id, after uuid.UUID, limit int) ([]uuid.UUID, error) {
	return g.store.neighbours(ctx, followersEdge, id, after, limit)
}

// profileView is a profile as a viewer gets it; Hidden: they block the person and get only the short form.
type profileView struct {
	users.User
	Hidden bool
}

// Profile shows a person to a viewer (uuid.Nil: nobody), or returns ErrNotFound for whoever is gone or blocks them.
func (g *Graph) Profile(ctx context.Context, viewer uuid.UUID, idOrHandle string) (profileView, error) {
	id, err := g.directory.Resolve(ctx, idOrHandle)
	if err != nil {
		return profileView{}, err
	}
	u, err := g.store.find(ctx, id)
	if err != nil {
		return profileView{}, err
	}
	relations, err := g.store.relations(ctx, viewer, []uuid.UUID{id})
	if err != nil {
		return profileView{}, err
	}
	r := relations[id]
	if u.Gone || r.BlocksMe {
		return profileView{}, users.ErrNotFound
	}
	view := profileView{User: u.profile(), Hidden: r.BlockedByMe}
	view.Viewer = r.viewer()
	err = g.directory.dress(ctx, u, &view.User)
	return view, err
}

// Person is a member of a list: the API's UserRef with viewer.
type Person struct {
	users.Ref
	Viewer     users.Viewer `json:"viewer"`
	MutedUntil *time.Time   `json:"muted_until,omitempty" doc:"in your list of mutes: when it ends by itself"`
}

// Ties lists the followers of a person or whom they follow; for a private one only to themselves and their followers.
func (g *Graph) Ties(ctx context.Context, name string, e edge, viewer uuid.UUID, idOrHandle string, q page.Query) (page.List[Person], error) {
	id, err := g.directory.Resolve(ctx, idOrHandle)
	if err != nil {
		return page.List[Person]{}, err
	}
	if id != viewer {
		relations, err := g.Relations(ctx, viewer, []uuid.UUID{id})
		if err != nil {
			return page.List[Person]{}, err
		}
		if !relations[id].MaySee("public") {
			return page.List[Person]{}, users.ErrNotFound
		}
	}
	return g.list(ctx, name, e, id, viewer, q)
}

// Own lists ties of one's own: blocks, mutes, requests.
func (g *Graph) Own(ctx context.Context, name string, e edge, me uuid.UUID, q page.Query) (page.List[Person], error) {
	return g.list(ctx, name, e, me, me, q)
}

func (g *Graph) list(ctx context.Context, name string, e edge, near, viewer uuid.UUID, q page.Query) (page.List[Person], error) {
	scope := page.Scope(name, viewer, near.String())
	var after *place
	var from place
	more, err := g.cursors.Open(scope, q.Cursor, &from)
	if err != nil {
		return page.List[Person]{}, err
	}
	if more {
		after = &from
	}
	rows, err := g.store.list(ctx, e, near, viewer, after, q.Limit+1)
	if err != nil {
		return page.List[Person]{}, err
	}
	people := make([]user, len(rows))
	for i, row := range rows {
		people[i] = row.Who
	}
	shown, err := g.show(ctx, viewer, people)
	if err != nil {
		return page.List[Person]{}, err
	}
	return page.Cut(g.cursors, scope, q.Limit, rows,
		func(row tied) Person {
			person := shown[row.Who.ID]
			person.MutedUntil = row.TiedUntil
			return person
		},
		func(row tied) any { return place{At: row.TiedAt, ID: row.Who.ID} }), nil
}

// show makes people members of a list for a viewer.
func (g *Graph) show(ctx context.Context, viewer uuid.UUID, people []user) (map[uuid.UUID]Person, error) {
	ids := make([]uuid.UUID, len(people))
	for i, u := range people {
		ids[i] = u.ID
	}
	relations, err := g.store.relations(ctx, viewer, ids)
	if err != nil {
		return nil, err
	}
	refs, err := g.directory.withAvatars(ctx, people)
	if err != nil {
		return nil, err
	}
	shown := make(map[uuid.UUID]Person, len(people))
	for _, ref := range refs {
		shown[ref.ID] = Person{Ref: ref, Viewer: relations[ref.ID].viewer()}
	}
	return shown, nil
}

// suggestion is somebody the viewer may like to follow.
type suggestion struct {
	Person
	Mutuals int64 `json:"mutuals" doc:"how many of those whom you follow follow them" example:"3"`
	Alike   int64 `json:"alike" doc:"how many of their newest posts are in the styles or have the hashtags that you like most" example:"5"`
}

// Dismiss has somebody not suggested to me again. They never learn of it.
func (g *Graph) Dismiss(ctx context.Context, me, other uuid.UUID) error {
	return g.between(ctx, me, other, func(ctx context.Context, _ user, r relation) error {
		if r.BlocksMe {
			return users.ErrNotFound
		}
		_, err := g.store.put(ctx, dismissEdge, me, other)
		return err
	})
}

// Undismiss takes it back.
func (g *Graph) Undismiss(ctx context.Context, me, other uuid.UUID) error {
	return g.loosen(ctx, dismissEdge, me, other)
}

// alikeAtMost is how many people of one's own taste are weighed.
const alikeAtMost = 200

// Suggest lists people to follow: those whom one's own people follow, then those who show what one likes, then popular ones.
func (g *Graph) Suggest(ctx context.Context, me uuid.UUID, limit int) ([]suggestion, error) {
	alike, err := g.tastes.Alike(ctx, me, alikeAtMost)
	if err != nil {
		return nil, err
	}
	rows, err := g.store.suggest(ctx, me, alike, limit)
	if err != nil {
		return nil, err
	}
	people := make([]user, len(rows))
	for i, row := range rows {
		people[i] = row.Who
	}
	shown, err := g.show(ctx, me, people)
	if err != nil {
		return nil, err
	}
	suggestions := make([]suggestion, len(rows))
	for i, row := range rows {
		suggestions[i] = suggestion{Person: shown[row.Who.ID], Mutuals: row.Mutuals, Alike: row.Alike}
	}
	return suggestions, nil
}
