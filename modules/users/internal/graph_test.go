package internal

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"atrium/modules/users"
	"atrium/platform/apptest"
	"atrium/platform/etag"
	"atrium/platform/page"
	"atrium/platform/stacktest"
)

func TestFollow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.join(t, "Ana"), b.join(t, "Ben")
	path := "/v1/users/" + ben.String() + "/follow"
	b.Run(t,
		apptest.Scenario{Name: "needs a person", Method: http.MethodPut, Path: path, Status: 401},
		apptest.Scenario{Name: "follows", As: ana, Method: http.MethodPut, Path: path, Status: 204},
		apptest.Scenario{Name: "twice is no error", As: ana, Method: http.MethodPut, Path: path, Status: 204},
		apptest.Scenario{Name: "shows at once, by handle", As: ana, Path: "/v1/users/BEN", Status: 200,
			Contains: []string{`"is_following":true`, `"followers":1`, `"handle":"ben"`}, NotContains: []string{"@atrium.test"}},
		apptest.Scenario{Name: "oneself is refused", As: ana, Method: http.MethodPut, Path: "/v1/users/" + ana.String() + "/follow", Status: 422, Code: "users.self"},
		apptest.Scenario{Name: "nobody is not found", As: ana, Method: http.MethodPut, Path: "/v1/users/" + uuid.NewString() + "/follow", Status: 404},
		apptest.Scenario{Name: "lists the follower", As: ben, Path: "/v1/users/ben/followers", Status: 200, Contains: []string{ana.String(), `"follows_me":true`}},
		apptest.Scenario{Name: "unfollows", As: ana, Method: http.MethodDelete, Path: path, Status: 204},
		apptest.Scenario{Name: "unfollows twice", As: ana, Method: http.MethodDelete, Path: path, Status: 204},
	)
	b.figuresHold(t)
	require.EqualValues(t, 1, b.events(t, "users.followed.v1"))
	require.EqualValues(t, 1, b.events(t, "users.unfollowed.v1"))
}

func TestPrivateAccount(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben, cleo := b.join(t, "Ana"), b.private(t, "Ben"), b.join(t, "Cleo")
	b.Run(t,
		apptest.Scenario{Name: "is asked instead", As: ana, Method: http.MethodPut, Path: "/v1/users/ben/follow", Status: 204},
		apptest.Scenario{Name: "the request shows", As: ana, Path: "/v1/users/ben", Status: 200, Contains: []string{`"follow_requested":true`, `"is_following":false`}},
		apptest.Scenario{Name: "strangers see no lists", As: ana, Path: "/v1/users/ben/followers", Status: 404},
		apptest.Scenario{Name: "sees who asks", As: ben, Path: "/v1/me/follow-requests", Status: 200, Contains: []string{ana.String()}},
		apptest.Scenario{Name: "cannot accept who did not ask", As: ben, Method: http.MethodPut, Path: "/v1/me/follow-requests/cleo", Status: 404},
		apptest.Scenario{Name: "accepts", As: ben, Method: http.MethodPut, Path: "/v1/me/follow-requests/ana", Status: 204},
		apptest.Scenario{Name: "accepts again", As: ben, Method: http.MethodPut, Path: "/v1/me/follow-requests/ana", Status: 204},
		apptest.Scenario{Name: "followers see lists", As: ana, Path: "/v1/users/ben/followers", Status: 200, Contains: []string{ana.String()}},
		apptest.Scenario{Name: "another asks", As: cleo, Method: http.MethodPut, Path: "/v1/users/ben/follow", Status: 204},
		apptest.Scenario{Name: "is rejected", As: ben, Method: http.MethodDelete, Path: "/v1/me/follow-requests/cleo", Status: 204},
	)
	require.False(t, b.relation(t, cleo, ben).Following)
	b.figuresHold(t)
}

func TestGoingPublic_AcceptsEverybody(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ben := b.private(t, "Ben")
	for i := range 5 {
		b.follow(t, b.join(t, fmt.Sprintf("asker%d", i)), ben)
	}
	b.Do(t, apptest.Request{Method: http.MethodPatch, Path: "/v1/me", Token: apptest.As(ben), Body: map[string]any{"is_private": false},
		Header: map[string]string{"If-Match": "*"}}).Want(200)
	require.EqualValues(t, 5, b.number(t, "SELECT followers FROM users WHERE id = ?", ben))
	require.EqualValues(t, 5, b.events(t, "users.followed.v1"))
	b.figuresHold(t)
}

func TestBlock(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.join(t, "Ana"), b.join(t, "Ben")
	b.follow(t, ana, ben)
	b.follow(t, ben, ana)
	b.Run(t,
		apptest.Scenario{Name: "blocks", As: ana, Method: http.MethodPut, Path: "/v1/users/ben/block", Status: 204},
		apptest.Scenario{Name: "the blocked sees nobody", As: ben, Path: "/v1/users/ana", Status: 404, Code: "users.not_found"},
		apptest.Scenario{Name: "nor lists", As: ben, Path: "/v1/users/ana/followers", Status: 404},
		apptest.Scenario{Name: "nor follows", As: ben, Method: http.MethodPut, Path: "/v1/users/ana/follow", Status: 404},
		apptest.Scenario{Name: "nor unfollows", As: ben, Method: http.MethodDelete, Path: "/v1/users/ana/follow", Status: 404},
		apptest.Scenario{Name: "nor blocks", As: ben, Method: http.MethodPut, Path: "/v1/users/ana/block", Status: 404},
		apptest.Scenario{Name: "nor mutes", As: ben, Method: http.MethodPut, Path: "/v1/users/ana/mute", Status: 404},
		apptest.Scenario{Name: "the blocker gets a stub", As: ana, Path: "/v1/users/ben", Status: 200,
			Contains: []string{`"is_blocked_by_me":true`, `"handle":"ben"`}, NotContains: []string{"counts", "bio"}},
		apptest.Scenario{Name: "the blocker cannot follow", As: ana, Method: http.MethodPut, Path: "/v1/users/ben/follow", Status: 404},
		apptest.Scenario{Name: "is listed", As: ana, Path: "/v1/me/blocks", Status: 200, Contains: []string{ben.String()}},
		apptest.Scenario{Name: "strangers see both", Path: "/v1/users/ana", Status: 200},
	)
	require.True(t, b.relation(t, ben, ana).Blocked)
	require.Zero(t, b.number(t, "SELECT count(*) FROM user_follows"))
	b.figuresHold(t)
	b.Run(t,
		apptest.Scenario{Name: "unblocks", As: ana, Method: http.MethodDelete, Path: "/v1/users/ben/block", Status: 204},
		apptest.Scenario{Name: "then they see each other", As: ben, Path: "/v1/users/ana", Status: 200},
	)
}

func TestGoingPublic_AcceptsAnyNumberInBatches(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ben := b.private(t, "Ben")
	const many = 2*admitBatch + 7
	b.exec(t, `WITH asking AS (INSERT INTO users (id, handle, display_name) SELECT gen_random_uuid(), 'f' || i, 'F' FROM generate_series(1, ?::int) i RETURNING id)
		INSERT INTO follow_requests (follower_id, followee_id) SELECT id, ? FROM asking`, many, ben)
	public := func(public bool) {
		b.Do(t, apptest.Request{Method: http.MethodPatch, Path: "/v1/me", Token: apptest.As(ben), Body: map[string]any{"is_private": !public},
			Header: map[string]string{"If-Match": "*"}}).Want(200)
	}
	public(true)
	require.EqualValues(t, 1, b.number(t, "SELECT count(*) FROM outbox WHERE name = 'users.admit_everybody'"), "what is left over is a task")
	require.EqualValues(t, admitBatch, b.number(t, "SELECT followers FROM users WHERE id = ?", ben))
	t.Run("whoever closes again in between keeps the rest waiting", func(t *testing.T) {
		public(false)
		require.NoError(t, b.people.AdmitEverybody(t.Context(), ben))
		require.EqualValues(t, many-admitBatch, b.number(t, "SELECT count(*) FROM follow_requests"))
		require.EqualValues(t, 2, b.events(t, "users.privacy_changed.v1"))
	})
	b.exec(t, "UPDATE users SET is_private = false WHERE id = ?", ben)
	require.NoError(t, b.people.AdmitEverybody(t.Context(), ben))
	require.NoError(t, b.people.AdmitEverybody(t.Context(), ben))
	require.EqualValues(t, many, b.number(t, "SELECT followers FROM users WHERE id = ?", ben))
	require.Zero(t, b.number(t, "SELECT count(*) FROM follow_requests"))
	require.EqualValues(t, many, b.events(t, "users.followed.v1"))
	b.figuresHold(t)
}

func TestMute_MayEndByItself(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.join(t, "Ana"), b.join(t, "Ben")
	tomorrow := time.Now().Add(24 * time.Hour).UTC().Truncate(time.Second)
	mute := func(body any, status int) *apptest.Response {
		return b.Do(t, apptest.Request{Method: http.MethodPut, Path: "/v1/users/ben/mute", Token: apptest.As(ana), Body: body}).Want(status)
	}
	past := mute(map[string]any{"expires_at": time.Now().Add(-time.Second)}, 422)
	require.Contains(t, string(past.Body), "/body/expires_at")
	mute(map[string]any{"expires_at": "soon"}, 422)
	mute(map[string]any{"expires_at": tomorrow}, 204)
	require.True(t, b.relation(t, ana, ben).Muted)
	list := func() string {
		return string(b.Do(t, apptest.Request{Path: "/v1/me/mutes", Token: apptest.As(ana)}).Want(200).Body)
	}
	require.Contains(t, list(), `"muted_until":"`+tomorrow.Format(time.RFC3339)+`"`)
	t.Run("its end is moved by muting again", func(t *testing.T) {
		mute(nil, 204)
		require.NotContains(t, list(), "muted_until")
		mute(map[string]any{"expires_at": tomorrow}, 204)
	})
	t.Run("then it is over, swept or not", func(t *testing.T) {
		b.exec(t, "UPDATE user_mutes SET expires_at = now() - interval '1 second'")
		b.directory.circles.Drop(t.Context(), ana)
		require.False(t, b.relation(t, ana, ben).Muted)
		require.Contains(t, list(), `"items":[]`)
		require.NoError(t, b.graph.store.pruneMutes(t.Context()))
		require.Zero(t, b.number(t, "SELECT count(*) FROM user_mutes"))
	})
}

func TestMute_IsOnesOwnBusiness(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.join(t, "Ana"), b.join(t, "Ben")
	b.Run(t,
		apptest.Scenario{Name: "mutes", As: ana, Method: http.MethodPut, Path: "/v1/users/ben/mute", Status: 204},
		apptest.Scenario{Name: "is listed", As: ana, Path: "/v1/me/mutes", Status: 200, Contains: []string{ben.String(), `"is_muted":true`}},
		apptest.Scenario{Name: "the muted learns nothing", As: ben, Path: "/v1/users/ana", Status: 200, Contains: []string{`"is_muted":false`}},
		apptest.Scenario{Name: "unmutes", As: ana, Method: http.MethodDelete, Path: "/v1/users/ben/mute", Status: 204},
		apptest.Scenario{Name: "the list is empty, not null", As: ana, Path: "/v1/me/mutes", Status: 200, Contains: []string{`"items":[]`, `"next_cursor":null`}},
	)
}

func TestFollowers_ArePaged(t *testing.T) {
	t.Parallel()
	b := setup(t)
	star, fan := b.join(t, "Star"), uuid.Nil
	want := map[uuid.UUID]bool{}
	for i := range 7 {
		fan = b.join(t, fmt.Sprintf("fan%d", i))
		b.follow(t, fan, star)
		want[fan] = true
	}
	cursor, pages := "", 0
	for {
		list, err := b.graph.Ties(t.Context(), "list-followers", followersEdge, fan, "star", page.Query{Cursor: cursor, Limit: 3})
		require.NoError(t, err)
		for _, p := range list.Items {
			require.True(t, want[p.ID], "seen twice or never a follower")
			delete(want, p.ID)
		}
		pages++
		if list.NextCursor == nil {
			break
		}
		cursor = *list.NextCursor
	}
	require.Empty(t, want)
	require.Equal(t, 3, pages)
	_, err := b.graph.Ties(t.Context(), "list-followers", followersEdge, star, "star", page.Query{Cursor: cursor, Limit: 3})
	require.ErrorIs(t, err, page.ErrInvalidCursor, "another person's cursor")
}

func TestSuggestions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben, cleo, dan, eve := b.join(t, "Ana"), b.join(t, "Ben"), b.join(t, "Cleo"), b.join(t, "Dan"), b.join(t, "Eve")
	b.follow(t, ana, ben)
	b.follow(t, ben, cleo)
	require.NoError(t, b.graph.Block(t.Context(), dan, ana))
	found, err := b.graph.Suggest(t.Context(), ana, 10)
	require.NoError(t, err)
	require.Len(t, found, 2, "neither oneself, nor whom one follows, nor who blocks one")
	require.Equal(t, cleo, found[0].ID)
	require.EqualValues(t, 1, found[0].Mutuals)
	require.Equal(t, eve, found[1].ID)
	t.Run("who shows what one likes comes before who is popular, private people aside", func(t *testing.T) {
		fay, gus := b.join(t, "Fay"), b.join(t, "Gus")
		b.tastes[fay], b.tastes[gus], b.tastes[dan], b.tastes[ben] = 2, 9, 9, 9
		require.NoError(t, b.db.Conn(t.Context()).Exec("UPDATE users SET is_private = true WHERE id = ?", gus).Error)
		require.NoError(t, b.db.Conn(t.Context()).Exec("UPDATE users SET followers = 7 WHERE id = ?", eve).Error)
		found, err := b.graph.Suggest(t.Context(), ana, 3)
		require.NoError(t, err)
		require.Len(t, found, 3)
		require.Equal(t, []uuid.UUID{cleo, fay, eve}, []uuid.UUID{found[0].ID, found[1].ID, found[2].ID})
		require.EqualValues(t, 2, found[1].Alike)
		require.NoError(t, b.graph.Dismiss(t.Context(), ana, fay))
		require.NoError(t, b.graph.Dismiss(t.Context(), ana, gus))
	})
	t.Run("who was dismissed or muted does not come again", func(t *testing.T) {
		b.Do(t, apptest.Request{Method: http.MethodPut, Path: "/v1/me/dismissed-suggestions/eve", Token: apptest.As(ana)}).Want(204)
		require.NoError(t, b.graph.Mute(t.Context(), ana, cleo, nil))
		require.Contains(t, string(b.Do(t, apptest.Request{Path: "/v1/users/suggested", Token: apptest.As(ana)}).Want(200).Body), `"items":[]`)
		b.Do(t, apptest.Request{Method: http.MethodDelete, Path: "/v1/me/dismissed-suggestions/eve", Token: apptest.As(ana)}).Want(204)
		require.Contains(t, string(b.Do(t, apptest.Request{Path: "/v1/users/suggested", Token: apptest.As(ana)}).Want(200).Body), eve.String())
	})
}

// A storm of follows, unfollows, blocks and requests between a few people leaves every figure equal to its rows, and nobody
// following somebody across a block.
func TestFollowStorm(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var people []uuid.UUID
	for i := range 6 {
		people = append(people, b.join(t, fmt.Sprintf("storm%d", i)))
	}
	people = append(people, b.private(t, "storm-private"))
	group, ctx := errgroup.WithContext(t.Context())
	for range 8 {
		group.Go(func() error {
			for range stacktest.Budget(40, 2000) {
				if err := b.somethingHappens(ctx, people); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	b.figuresHold(t)
	require.Zero(t, b.number(t, `SELECT count(*) FROM user_follows f JOIN user_blocks b
		ON (b.blocker_id, b.blocked_id) IN ((f.follower_id, f.followee_id), (f.followee_id, f.follower_id))`))
	net := b.events(t, "users.followed.v1") - b.events(t, "users.unfollowed.v1")
	require.Equal(t, b.number(t, "SELECT count(*) FROM user_follows"), net, "an event for each row that came or went")
}

// Of two who are at odds about one pair, each ends in a state that one order of the two would have left.
func TestRace_OfTwoDeedsBetweenTwoPeople(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range stacktest.Budget(15, 500) {
		ana, ben, cleo := b.join(t, fmt.Sprintf("ana%d", i)), b.join(t, fmt.Sprintf("ben%d", i)), b.private(t, fmt.Sprintf("cleo%d", i))
		b.follow(t, ana, cleo) // a request
		b.atOnce(t,
			func(ctx context.Context) error { return b.graph.Follow(ctx, ana, ben) },
			func(ctx context.Context) error { return b.graph.Block(ctx, ben, ana) },
			func(ctx context.Context) error { return b.graph.Accept(ctx, cleo, ana) },
			func(ctx context.Context) error { return b.graph.Unfollow(ctx, ana, cleo) }, // takes the request back
		)
		require.Equal(t, users.Relation{Blocked: true}, b.relation(t, ana, ben), "a block wins in either order")
		require.Zero(t, b.number(t, "SELECT count(*) FROM follow_requests WHERE follower_id = ?", ana))
		require.False(t, b.relation(t, ana, cleo).Following, "taken back before or after the yes: either way they do not follow")
	}
	b.figuresHold(t)
}

func TestRace_OfAskingAndGoingPublic(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range stacktest.Budget(10, 300) {
		ana, ben := b.join(t, fmt.Sprintf("ana%d", i)), b.private(t, fmt.Sprintf("ben%d", i))
		open := false
		b.atOnce(t,
			func(ctx context.Context) error { return b.graph.Follow(ctx, ana, ben) },
			func(ctx context.Context) error {
				_, err := b.people.Edit(ctx, ben, etag.Any, edit{IsPrivate: &open})
				return err
			},
		)
		require.NoError(t, b.people.AdmitEverybody(t.Context(), ben)) // the task
		require.True(t, b.relation(t, ana, ben).Following, "nobody waits at an open door")
	}
	require.Zero(t, b.number(t, "SELECT count(*) FROM follow_requests"))
	b.figuresHold(t)
}

// atOnce does things at once; that somebody is not there (any more) is no failure.
func (b *bundle) atOnce(t *testing.T, deeds ...func(ctx context.Context) error) {
	t.Helper()
	group, ctx := errgroup.WithContext(t.Context())
	start := make(chan struct{})
	for _, deed := range deeds {
		group.Go(func() error {
			<-start
			if err := deed(ctx); err != nil && !isOneOf(err, users.ErrNotFound, users.ErrNoRequest) {
				return err
			}
			return nil
		})
	}
	close(start)
	require.NoError(t, group.Wait())
}

func (b *bundle) somethingHappens(ctx context.Context, people []uuid.UUID) error {
	one, other := people[rand.IntN(len(people))], people[rand.IntN(len(people))]
	if one == other {
		return nil
	}
	deeds := []func(context.Context, uuid.UUID, uuid.UUID) error{
		b.graph.Follow, b.graph.Follow, b.graph.Follow, b.graph.Unfollow, b.graph.Accept, b.graph.Block, b.graph.Unblock, b.graph.Unblock,
	}
	err := deeds[rand.IntN(len(deeds))](ctx, one, other)
	if err == nil || isOneOf(err, users.ErrNotFound, users.ErrNoRequest) {
		return nil
	}
	return err
}
