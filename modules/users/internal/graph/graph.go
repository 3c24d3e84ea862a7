// Package graph is where relations change: following and requests, blocks, mutes and dismissed suggestions; and the lists of people
// that come of them.
package graph

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/modules/users"
	"atrium/modules/users/internal/relation"
	"atrium/modules/users/internal/user"
	"atrium/platform/database"
	"atrium/platform/fault"
	"atrium/platform/outbox"
	"atrium/platform/page"
	"atrium/platform/plug"
)

// errMuteEnd answers a mute that has ended already.
var errMuteEnd = fault.Invalid("users.invalid_mute", "This mute would be over already.")

// Service changes relations and lists people. Safe for concurrent use.
//
// Whatever changes a relation between two people first locks both, in the order of their ids. So a block and a follow of the same pair
// wait for each other, and counters change by exactly the rows that changed.
type Service struct {
	db        *database.DB
	store     store
	outbox    *outbox.Outbox
	users     *user.Store
	directory *user.Directory
	relations *relation.Service
	cursors   *page.Signer
	tastes    posts.Tastes
	posts     posts.Counts
}

// Deps are what a Service needs.
type Deps struct {
	plug.In

	DB        *database.DB
	Outbox    *outbox.Outbox
	Users     *user.Store
	Directory *user.Directory
	Relations *relation.Service
	Cursors   *page.Signer
	Tastes    posts.Tastes
	Posts     posts.Counts
}

func NewService(d Deps) *Service {
	return &Service{
		db: d.DB, store: store{d.DB}, outbox: d.Outbox, users: d.Users, directory: d.Directory, relations: d.Relations,
		cursors: d.Cursors, tastes: d.Tastes, posts: d.Posts,
	}
}

// Follow has me follow other; a private person is asked instead. users.ErrNotFound across a block. Idempotent.
func (s *Service) Follow(ctx context.Context, me, other uuid.UUID) error {
	return s.withBoth(ctx, me, other, func(ctx context.Context, them user.User, r relation.Row) error {
		if r.BlocksMe || r.BlockedByMe {
			return users.ErrNotFound
		}
		if them.IsPrivate && !r.Following {
			return s.request(ctx, me, other)
		}
		return s.addFollow(ctx, users.Followed{Follower: me, Followee: other})
	})
}

func (s *Service) request(ctx context.Context, me, other uuid.UUID) error {
	asked, err := s.store.insert(ctx, relation.Requests, other, me)
	if err != nil || !asked {
		return err
	}
	return s.outbox.Publish(ctx, users.FollowRequested{Follower: me, Followee: other})
}

// addFollow inserts the follow that the event tells, in place of a request.
func (s *Service) addFollow(ctx context.Context, event users.Followed) error {
	if _, err := s.store.delete(ctx, relation.Requests, event.Followee, event.Follower); err != nil {
		return err
	}
	made, err := s.store.insertFollows(ctx, pair{event.Follower, event.Followee})
	if err != nil {
		return err
	}
	return publishFollowed(ctx, s.outbox, made, event.Accepted)
}

func publishFollowed(ctx context.Context, events *outbox.Outbox, made []pair, accepted bool) error {
	all := make([]outbox.Event, len(made))
	for i, p := range made {
		all[i] = users.Followed{Follower: p.FollowerID, Followee: p.FolloweeID, Accepted: accepted}
	}
	return events.PublishAll(ctx, all)
}

// removeRequest deletes a request, and reports whether it was there.
func (s *Service) removeRequest(ctx context.Context, follower, followee uuid.UUID) (bool, error) {
	there, err := s.store.delete(ctx, relation.Requests, followee, follower)
	if err != nil || !there {
		return false, err
	}
	return true, s.outbox.Publish(ctx, users.FollowRequestEnded{Follower: follower, Followee: followee})
}

// Unfollow ends a follow or takes a request back. Idempotent.
func (s *Service) Unfollow(ctx context.Context, me, other uuid.UUID) error {
	return s.withBoth(ctx, me, other, func(ctx context.Context, _ user.User, r relation.Row) error {
		if r.BlocksMe {
			return users.ErrNotFound
		}
		if _, err := s.removeRequest(ctx, me, other); err != nil {
			return err
		}
		return s.removeFollows(ctx, pair{me, other})
	})
}

// removeFollows deletes follows of people who are locked, and publishes users.Unfollowed for those that were there.
func (s *Service) removeFollows(ctx context.Context, pairs ...pair) error {
	ended, err := s.store.deleteFollows(ctx, pairs...)
	if err != nil {
		return err
	}
	all := make([]outbox.Event, len(ended))
	for i, p := range ended {
		all[i] = users.Unfollowed{Follower: p.FollowerID, Followee: p.FolloweeID}
	}
	return s.outbox.PublishAll(ctx, all)
}

// Block hides two people from each other: follows and requests both ways end in the same transaction. Idempotent. Blocking one who
// blocks me takes effect as well, but returns users.ErrNotFound, as for somebody who does not exist.
func (s *Service) Block(ctx context.Context, me, other uuid.UUID) error {
	blocksMe := false
	err := s.withBoth(ctx, me, other, func(ctx context.Context, _ user.User, r relation.Row) error {
		blocksMe = r.BlocksMe
		fresh, err := s.store.insert(ctx, relation.Blocks, me, other)
		if err != nil || !fresh {
			return err
		}
		for _, p := range []pair{{me, other}, {other, me}} {
			if _, err := s.store.delete(ctx, relation.Requests, p.FolloweeID, p.FollowerID); err != nil {
				return err
			}
		}
		if err := s.removeFollows(ctx, pair{me, other}, pair{other, me}); err != nil {
			return err
		}
		return s.outbox.Publish(ctx, users.Blocked{Blocker: me, Blocked: other})
	})
	if err == nil && blocksMe {
		return users.ErrNotFound
	}
	return err
}

// Unblock ends a block. Follows that it ended are not restored.
func (s *Service) Unblock(ctx context.Context, me, other uuid.UUID) error {
	return s.remove(ctx, relation.Blocks, me, other, users.Unblocked{Blocker: me, Unblocked: other})
}

// Mute keeps other out of my feed, until then or (nil) for good; muting again changes the end. Other does not learn of it.
func (s *Service) Mute(ctx context.Context, me, other uuid.UUID, until *time.Time) error {
	if err := inFuture(until, time.Now()); err != nil {
		return err
	}
	return s.withBoth(ctx, me, other, func(ctx context.Context, _ user.User, r relation.Row) error {
		if r.BlocksMe || r.BlockedByMe {
			return users.ErrNotFound
		}
		return s.store.upsertMute(ctx, me, other, until)
	})
}

// inFuture returns errMuteEnd for an end of a mute that is not in the future.
func inFuture(until *time.Time, now time.Time) error {
	if until != nil && !until.After(now) {
		return errMuteEnd.At("/body/expires_at", "must be in the future")
	}
	return nil
}

// Unmute ends a mute. Idempotent.
func (s *Service) Unmute(ctx context.Context, me, other uuid.UUID) error {
	return s.remove(ctx, relation.Mutes, me, other, nil)
}

// remove deletes a relation of mine, though other may block me by now, and publishes event (nil: none) if it was there. Where there
// was none, one who blocks me is users.ErrNotFound.
func (s *Service) remove(ctx context.Context, k relation.Kind, me, other uuid.UUID, event outbox.Event) error {
	return s.withBoth(ctx, me, other, func(ctx context.Context, _ user.User, r relation.Row) error {
		there, err := s.store.delete(ctx, k, me, other)
		switch {
		case err != nil:
			return err
		case !there && r.BlocksMe:
			return users.ErrNotFound
		case !there || event == nil:
			return nil
		}
		return s.outbox.Publish(ctx, event)
	})
}

// Accept accepts a request to follow me, or returns users.ErrNoRequest; from one who blocks me there is none, and they are
// users.ErrNotFound. Idempotent.
func (s *Service) Accept(ctx context.Context, me, follower uuid.UUID) error {
	return s.withBoth(ctx, me, follower, func(ctx context.Context, _ user.User, r relation.Row) error {
		there, err := s.store.delete(ctx, relation.Requests, me, follower)
		switch {
		case err != nil:
			return err
		case !there && r.FollowsMe: // accepted already
			return nil
		case !there && r.BlocksMe:
			return users.ErrNotFound
		case !there:
			return users.ErrNoRequest
		}
		return s.addFollow(ctx, users.Followed{Follower: follower, Followee: me, Accepted: true})
	})
}

// Reject rejects a request to follow me; the other does not learn of it. One who blocks me is users.ErrNotFound. Idempotent.
func (s *Service) Reject(ctx context.Context, me, follower uuid.UUID) error {
	return s.withBoth(ctx, me, follower, func(ctx context.Context, _ user.User, r relation.Row) error {
		there, err := s.removeRequest(ctx, follower, me)
		if err == nil && !there && r.BlocksMe {
			return users.ErrNotFound
		}
		return err
	})
}

// withBoth runs fn in a transaction that has me and other locked, with how other stands to me. users.ErrSelf for oneself,
// users.ErrNotFound where either is gone.
func (s *Service) withBoth(ctx context.Context, me, other uuid.UUID, fn func(ctx context.Context, them user.User, r relation.Row) error) error {
	if me == other {
		return users.ErrSelf
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		both, err := s.users.LockAll(ctx, me, other)
		if err != nil {
			return err
		}
		them, ok := both[other]
		if mine, here := both[me]; !ok || !here || them.Gone || mine.Gone {
			return users.ErrNotFound
		}
		relations, err := s.relations.Of(ctx, me, []uuid.UUID{other})
		if err != nil {
			return err
		}
		s.relations.DropAfterCommit(ctx, me, other)
		return fn(ctx, them, relations[other])
	})
}

// AcceptPending accepts up to limit requests to a person who is public and returns how many it dealt with: none where the account is
// private (again).
func (s *Service) AcceptPending(ctx context.Context, id uuid.UUID, limit int) (accepted int, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		requesters, err := s.store.requesters(ctx, id, limit)
		if err != nil || len(requesters) == 0 {
			return err
		}
		locked, err := s.users.LockAll(ctx, append(requesters, id)...)
		if err != nil || locked[id].IsPrivate {
			return err
		}
		requests, err := s.store.deleteRequests(ctx, id, requesters)
		if err != nil {
			return err
		}
		made, err := s.store.insertFollows(ctx, requests...)
		if err != nil {
			return err
		}
		accepted = len(requesters)
		s.relations.DropAfterCommit(ctx, requesters...)
		return publishFollowed(ctx, s.outbox, made, true)
	})
	return accepted, err
}

// RemoveAll ends up to limit follows in each direction of a person whose account is deleted, and returns how many.
func (s *Service) RemoveAll(ctx context.Context, id uuid.UUID, limit int) (ended int, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		pairs, err := s.store.followsOf(ctx, id, limit)
		if err != nil || len(pairs) == 0 {
			return err
		}
		followers, followees := columns(pairs)
		if _, err := s.users.LockAll(ctx, append(followers, followees...)...); err != nil {
			return err
		}
		ended = len(pairs)
		s.relations.DropAfterCommit(ctx, followers...)
		return s.removeFollows(ctx, pairs...)
	})
	return ended, err
}
