// Package userstest stands in for users in the tests of other modules.
package userstest

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"atrium/modules/users"
)

// Fake is people in memory: users.Directory, users.Graph, users.Relationships, users.Mutes, users.Counters and users.Accounts. Safe for
// concurrent use.
type Fake struct {
	mu         sync.Mutex
	people     map[uuid.UUID]users.Ref
	contacts   map[uuid.UUID]users.Contact
	private    map[uuid.UUID]bool
	pending    map[uuid.UUID]bool
	follows    map[[2]uuid.UUID]bool
	blocks     map[[2]uuid.UUID]bool
	mutes      map[[2]uuid.UUID]bool
	terms      map[uuid.UUID]func(users.Subject) bool
	posts      map[uuid.UUID]int
	standing   map[uuid.UUID]users.Standing
	visible    map[uuid.UUID]string
	gone       map[uuid.UUID]bool
	followed   map[[2]uuid.UUID]time.Time // since when
	asked      map[[2]uuid.UUID]time.Time // by follower and followee, since when
	currencies map[uuid.UUID]string
}

// New makes a world without people.
func New() *Fake {
	return &Fake{
		people: map[uuid.UUID]users.Ref{}, contacts: map[uuid.UUID]users.Contact{}, private: map[uuid.UUID]bool{},
		pending: map[uuid.UUID]bool{}, follows: map[[2]uuid.UUID]bool{}, blocks: map[[2]uuid.UUID]bool{},
		mutes: map[[2]uuid.UUID]bool{}, terms: map[uuid.UUID]func(users.Subject) bool{}, posts: map[uuid.UUID]int{}, standing: map[uuid.UUID]users.Standing{},
		visible: map[uuid.UUID]string{}, gone: map[uuid.UUID]bool{}, followed: map[[2]uuid.UUID]time.Time{}, asked: map[[2]uuid.UUID]time.Time{},
		currencies: map[uuid.UUID]string{},
	}
}

// Add makes a person with a verified address <handle>@atrium.test who has agreed to everything.
func (f *Fake) Add(handle string) uuid.UUID {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := uuid.Must(uuid.NewV7())
	f.people[id] = users.Ref{ID: id, Handle: handle, DisplayName: strings.ToUpper(handle[:1]) + handle[1:]}
	f.contacts[id] = users.Contact{DisplayName: f.people[id].DisplayName, Email: handle + "@atrium.test", EmailVerified: true, Language: "en"}
	return id
}

// Remove makes a person gone.
func (f *Fake) Remove(id uuid.UUID) {
	f.locked(func() { delete(f.people, id); delete(f.contacts, id) })
}

// Lock makes a person gone until they Return.
func (f *Fake) Lock(id uuid.UUID) (person users.Ref) {
	f.locked(func() { person = f.people[id]; delete(f.people, id) })
	return person
}

// Return brings a locked person back.
func (f *Fake) Return(person users.Ref) { f.locked(func() { f.people[person.ID] = person }) }

// SetGone locks an account, or opens it again.
func (f *Fake) SetGone(id uuid.UUID, gone bool) { f.locked(func() { f.gone[id] = gone }) }

// SetContact changes how to reach a person.
func (f *Fake) SetContact(id uuid.UUID, c users.Contact) { f.locked(func() { f.contacts[id] = c }) }

// SetPrivate makes an account private or public.
func (f *Fake) SetPrivate(id uuid.UUID, private bool) { f.locked(func() { f.private[id] = private }) }

// SetPending says whether a current document waits for the person.
func (f *Fake) SetPending(id uuid.UUID, pending bool) { f.locked(func() { f.pending[id] = pending }) }

// Follow makes one follow the other.
func (f *Fake) Follow(follower, followee uuid.UUID) {
	f.locked(func() {
		ends := [2]uuid.UUID{follower, followee}
		f.follows[ends], f.followed[ends] = true, time.Now()
		delete(f.asked, ends)
	})
}

// Ask makes one ask to follow the other, or anew.
func (f *Fake) Ask(follower, followee uuid.UUID) {
	f.locked(func() { f.asked[[2]uuid.UUID{follower, followee}] = time.Now() })
}

// EndRequest takes the request back.
func (f *Fake) EndRequest(follower, followee uuid.UUID) {
	f.locked(func() { delete(f.asked, [2]uuid.UUID{follower, followee}) })
}

// Unfollow ends it.
func (f *Fake) Unfollow(follower, followee uuid.UUID) {
	f.locked(func() { delete(f.follows, [2]uuid.UUID{follower, followee}) })
}

// Block makes one block the other.
func (f *Fake) Block(blocker, blocked uuid.UUID) {
	f.locked(func() {
		f.blocks[[2]uuid.UUID{blocker, blocked}] = true
		delete(f.follows, [2]uuid.UUID{blocker, blocked})
		delete(f.follows, [2]uuid.UUID{blocked, blocker})
	})
}

// Unblock ends it.
func (f *Fake) Unblock(blocker, blocked uuid.UUID) {
	f.locked(func() { delete(f.blocks, [2]uuid.UUID{blocker, blocked}) })
}

// Mute makes one mute the other.
func (f *Fake) Mute(muter, muted uuid.UUID) {
	f.locked(func() { f.mutes[[2]uuid.UUID{muter, muted}] = true })
}

// MuteWhat makes a person mute what hits says.
func (f *Fake) MuteWhat(muter uuid.UUID, hits func(users.Subject) bool) {
	f.locked(func() { f.terms[muter] = hits })
}

// Of implements users.Mutes.
func (f *Fake) Of(_ context.Context, viewer uuid.UUID) (func(users.Subject) bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.terms[viewer], nil
}

// PostsOf is the sum of all AddPosts.
func (f *Fake) PostsOf(id uuid.UUID) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.posts[id]
}

func (f *Fake) locked(fn func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fn()
}

// Refs implements users.Directory.
func (f *Fake) Refs(_ context.Context, ids []uuid.UUID) (map[uuid.UUID]users.Ref, error) {
	refs := pick(f, f.people, ids)
	maps.DeleteFunc(refs, func(id uuid.UUID, _ users.Ref) bool { return f.isGone(id) })
	return refs, nil
}

func (f *Fake) isGone(id uuid.UUID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.gone[id]
}

// Contacts implements users.Directory.
func (f *Fake) Contacts(_ context.Context, ids []uuid.UUID) (map[uuid.UUID]users.Contact, error) {
	return pick(f, f.contacts, ids), nil
}

func pick[V any](f *Fake, from map[uuid.UUID]V, ids []uuid.UUID) map[uuid.UUID]V {
	f.mu.Lock()
	defer f.mu.Unlock()
	found := map[uuid.UUID]V{}
	for _, id := range ids {
		if v, ok := from[id]; ok {
			found[id] = v
		}
	}
	return found
}

// Resolve implements users.Directory.
func (f *Fake) Resolve(_ context.Context, idOrHandle string) (uuid.UUID, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, p := range f.people {
		if id.String() == idOrHandle || p.Handle == idOrHandle {
			return id, nil
		}
	}
	return uuid.Nil, users.ErrNotFound
}

// ByHandles implements users.Directory.
func (f *Fake) ByHandles(_ context.Context, handles []string) (map[string]uuid.UUID, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	found := map[string]uuid.UUID{}
	for id, p := range f.people {
		if slices.Contains(handles, p.Handle) {
			found[p.Handle] = id
		}
	}
	return found, nil
}

// RequireConsents implements users.Directory.
func (f *Fake) RequireConsents(_ context.Context, id uuid.UUID) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pending[id] {
		return users.ErrTermsRequired
	}
	return nil
}

// SetDefaultVisibility says who sees what a person publishes without saying; at first everybody.
func (f *Fake) SetDefaultVisibility(id uuid.UUID, visibility string) {
	f.locked(func() { f.visible[id] = visibility })
}

// SetCurrency says in which currency a person wants to see prices; at first they do not say.
func (f *Fake) SetCurrency(id uuid.UUID, currency string) {
	f.locked(func() { f.currencies[id] = currency })
}

// Currency implements users.Directory.
func (f *Fake) Currency(_ context.Context, id uuid.UUID) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.currencies[id], nil
}

// DefaultVisibility implements users.Directory.
func (f *Fake) DefaultVisibility(_ context.Context, id uuid.UUID) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if set := f.visible[id]; set != "" {
		return set, nil
	}
	return "public", nil
}

// Relations implements users.Graph.
func (f *Fake) Relations(_ context.Context, viewer uuid.UUID, others []uuid.UUID) (map[uuid.UUID]users.Relation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	found := map[uuid.UUID]users.Relation{}
	for _, id := range others {
		_, here := f.people[id]
		out, in := [2]uuid.UUID{viewer, id}, [2]uuid.UUID{id, viewer}
		found[id] = users.Relation{
			Following: f.follows[out], Blocked: f.blocks[out] || f.blocks[in], Muted: f.mutes[out], Private: f.private[id], Gone: !here || f.gone[id],
		}
	}
	return found, nil
}

// Relationships implements users.Relationships.
func (f *Fake) Relationships(ctx context.Context, pairs []users.Pair) (map[users.Pair]users.Relationship, error) {
	found := map[users.Pair]users.Relationship{}
	for _, p := range pairs {
		relations, err := f.Relations(ctx, p.User, []uuid.UUID{p.Other})
		if err != nil {
			return nil, err
		}
		r := relations[p.Other]
		f.locked(func() {
			out, in := [2]uuid.UUID{p.User, p.Other}, [2]uuid.UUID{p.Other, p.User}
			found[p] = users.Relationship{Gone: r.Gone, Blocked: r.Blocked, Muted: r.Muted, FollowingSince: since(f.followed, out, f.follows[out]),
				FollowedSince: since(f.followed, in, f.follows[in]), AskedSince: since(f.asked, in, true)}
		})
	}
	return found, nil
}

func since(times map[[2]uuid.UUID]time.Time, ends [2]uuid.UUID, still bool) *time.Time {
	if at, ok := times[ends]; ok && still {
		return &at
	}
	return nil
}

// Viewers implements users.Graph.
func (f *Fake) Viewers(_ context.Context, viewer uuid.UUID, others []uuid.UUID) (map[uuid.UUID]users.Viewer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	found := map[uuid.UUID]users.Viewer{}
	for _, id := range others {
		out, in := [2]uuid.UUID{viewer, id}, [2]uuid.UUID{id, viewer}
		found[id] = users.Viewer{
			IsFollowing: f.follows[out], FollowsMe: f.follows[in], IsBlockedByMe: f.blocks[out], IsMuted: f.mutes[out],
		}
	}
	return found, nil
}

// Following implements users.Graph.
func (f *Fake) Following(_ context.Context, user, after uuid.UUID, limit int) ([]uuid.UUID, error) {
	return f.neighbours(0, user, after, limit), nil
}

// Followers implements users.Graph.
func (f *Fake) Followers(_ context.Context, user, after uuid.UUID, limit int) ([]uuid.UUID, error) {
	return f.neighbours(1, user, after, limit), nil
}

// FollowingSet implements users.Graph.
func (f *Fake) FollowingSet(_ context.Context, user uuid.UUID) (users.FollowingSet, error) {
	following := f.neighbours(0, user, uuid.Nil, math.MaxInt)
	return users.FollowingSet{IDs: following, Version: fmt.Sprint(following)}, nil
}

func (f *Fake) neighbours(near int, user, after uuid.UUID, limit int) []uuid.UUID {
	f.mu.Lock()
	defer f.mu.Unlock()
	var ids []uuid.UUID
	for ends := range f.follows {
		if far := ends[1-near]; ends[near] == user && bytes.Compare(far[:], after[:]) > 0 {
			ids = append(ids, far)
		}
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	return ids[:min(limit, len(ids))]
}

// AddPosts implements users.Counters.
func (f *Fake) AddPosts(_ context.Context, author uuid.UUID, delta int) error {
	f.locked(func() { f.posts[author] += delta })
	return nil
}

// SetStanding changes how an account stands.
func (f *Fake) SetStanding(id uuid.UUID, s users.Standing) { f.locked(func() { f.standing[id] = s }) }

// SignUp implements users.Accounts. It does not know of transactions: who signs up stays.
func (f *Fake) SignUp(_ context.Context, p users.NewPerson) (uuid.UUID, error) {
	id := f.Add("member" + uuid.NewString()[:8])
	f.locked(func() {
		f.contacts[id] = users.Contact{DisplayName: p.Name, Email: p.Email, EmailVerified: p.EmailVerified, Language: p.Language}
		f.standing[id] = users.Standing{Roles: []string{"user"}}
	})
	return id, nil
}

// Standing implements users.Accounts.
func (f *Fake) Standing(_ context.Context, id uuid.UUID) (users.Standing, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, here := f.people[id]; !here {
		return users.Standing{}, users.ErrNotFound
	}
	return f.standing[id], nil
}

// Restore implements users.Accounts.
func (f *Fake) Restore(_ context.Context, id uuid.UUID) error {
	f.locked(func() { s := f.standing[id]; s.EraseAt = nil; f.standing[id] = s })
	return nil
}

// Me implements users.Accounts.
func (f *Fake) Me(_ context.Context, id uuid.UUID) (users.Me, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	ref, here := f.people[id]
	if !here {
		return users.Me{}, users.ErrNotFound
	}
	return users.Me{
		User: users.User{Ref: ref}, Email: f.contacts[id].Email, Roles: f.standing[id].Roles, PendingConsents: []users.PendingConsent{}, Version: 1,
	}, nil
}

// EmailChanged implements users.Accounts, without a mail.
func (f *Fake) EmailChanged(_ context.Context, id uuid.UUID, was, now string) error {
	f.locked(func() {
		if c := f.contacts[id]; !c.EmailVerified || strings.EqualFold(c.Email, was) {
			c.Email, c.EmailVerified = now, true
			f.contacts[id] = c
		}
	})
	return nil
}

// Grant implements users.Accounts.
func (f *Fake) Grant(_ context.Context, id uuid.UUID, role string) error {
	f.locked(func() { s := f.standing[id]; s.Roles = append(slices.Clone(s.Roles), role); f.standing[id] = s })
	return nil
}
