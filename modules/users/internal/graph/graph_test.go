package graph

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"atrium/modules/posts"
	"atrium/modules/users"
	"atrium/modules/users/internal/relation"
	"atrium/platform/apptest"
	"atrium/platform/page"
	"atrium/platform/stacktest"
)

func TestFollow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.db.Join(t, "Ana"), b.db.Join(t, "Ben")
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
	b.db.CountersHold(t)
	require.EqualValues(t, 1, b.db.Events(t, "users.followed.v1"))
	require.EqualValues(t, 1, b.db.Events(t, "users.unfollowed.v1"))
}

func TestFault_V1_ProfilesCountThePostsThatTheViewerCanOpen(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, fan, stranger, apart := b.db.Join(t, "Ana"), b.db.Join(t, "Fan"), b.db.Join(t, "Stranger"), b.db.Join(t, "Apart")
	closed := b.db.JoinPrivate(t, "Closed")
	for _, id := range []uuid.UUID{ana, closed} {
		b.posts[id] = posts.ByVisibility{Public: 4, Followers: 2, Private: 1}
	}
	b.follow(t, fan, ana)
	b.follow(t, fan, closed)
	require.NoError(t, b.graph.Accept(t.Context(), closed, fan))
	require.NoError(t, b.graph.Block(t.Context(), apart, ana))
	shown := func(viewer uuid.UUID, handle string) any {
		request := apptest.Request{Method: http.MethodGet, Path: "/v1/users/" + handle}
		if viewer != uuid.Nil {
			request.Token = apptest.As(viewer)
		}
		counts, _ := b.Do(t, request).Want(200).JSON()["counts"].(map[string]any)
		return counts["posts"]
	}
	require.Equal(t, []any{7.0, 6.0, 4.0, 4.0, nil}, []any{shown(ana, "ana"), shown(fan, "ana"), shown(stranger, "ana"), shown(uuid.Nil, "ana"), shown(apart, "ana")})
	require.Equal(t, []any{7.0, 6.0, 0.0, 0.0}, []any{shown(closed, "closed"), shown(fan, "closed"), shown(stranger, "closed"), shown(uuid.Nil, "closed")})
	require.Equal(t, 0.0, shown(ana, "fan"))
}

func TestPrivateAccount(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben, cleo := b.db.Join(t, "Ana"), b.db.JoinPrivate(t, "Ben"), b.db.Join(t, "Cleo")
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
	b.db.CountersHold(t)
}

func TestBlock(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.db.Join(t, "Ana"), b.db.Join(t, "Ben")
	b.follow(t, ana, ben)
	b.follow(t, ben, ana)
	b.Run(t,
		apptest.Scenario{Name: "blocks", As: ana, Method: http.MethodPut, Path: "/v1/users/ben/block", Status: 204},
		apptest.Scenario{Name: "the blocked sees nobody", As: ben, Path: "/v1/users/ana", Status: 404, Code: "users.not_found"},
		apptest.Scenario{Name: "nor lists", As: ben, Path: "/v1/users/ana/followers", Status: 404},
		apptest.Scenario{Name: "nor follows", As: ben, Method: http.MethodPut, Path: "/v1/users/ana/follow", Status: 404},
		apptest.Scenario{Name: "nor unfollows", As: ben, Method: http.MethodDelete, Path: "/v1/users/ana/follow", Status: 404},
		apptest.Scenario{Name: "nor mutes", As: ben, Method: http.MethodPut, Path: "/v1/users/ana/mute", Status: 404},
		apptest.Scenario{Name: "the blocker gets a stub", As: ana, Path: "/v1/users/ben", Status: 200,
			Contains: []string{`"is_blocked_by_me":true`, `"handle":"ben"`}, NotContains: []string{"counts", "bio"}},
		apptest.Scenario{Name: "the blocker cannot follow", As: ana, Method: http.MethodPut, Path: "/v1/users/ben/follow", Status: 404},
		apptest.Scenario{Name: "is listed", As: ana, Path: "/v1/me/blocks", Status: 200, Contains: []string{ben.String()}},
		apptest.Scenario{Name: "strangers see both", Path: "/v1/users/ana", Status: 200},
	)
	require.True(t, b.relation(t, ben, ana).Blocked)
	require.Zero(t, b.db.Number(t, "SELECT count(*) FROM user_follows"))
	b.db.CountersHold(t)
	b.Run(t,
		apptest.Scenario{Name: "unblocks", As: ana, Method: http.MethodDelete, Path: "/v1/users/ben/block", Status: 204},
		apptest.Scenario{Name: "then they see each other", As: ben, Path: "/v1/users/ana", Status: 200},
	)
}

func TestMute_MayEndByItself(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.db.Join(t, "Ana"), b.db.Join(t, "Ben")
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
		b.db.Exec(t, "UPDATE user_mutes SET expires_at = now() - interval '1 second'")
		require.NoError(t, b.db.InTx(t.Context(), func(ctx context.Context) error { b.relations.DropAfterCommit(ctx, ana); return nil }))
		require.False(t, b.relation(t, ana, ben).Muted)
		require.Contains(t, list(), `"items":[]`)
		require.NoError(t, b.graph.store.pruneMutes(t.Context()))
		require.Zero(t, b.db.Number(t, "SELECT count(*) FROM user_mutes"))
	})
}

func TestMute_IsOnesOwnBusiness(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.db.Join(t, "Ana"), b.db.Join(t, "Ben")
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
	star, fan := b.db.Join(t, "Star"), uuid.Nil
	want := map[uuid.UUID]bool{}
	for i := range 7 {
		fan = b.db.Join(t, fmt.Sprintf("fan%d", i))
		b.follow(t, fan, star)
		want[fan] = true
	}
	cursor, pages := "", 0
	for {
		list, err := b.graph.ListOf(t.Context(), "list-followers", relation.Followers, fan, "star", page.Query{Cursor: cursor, Limit: 3})
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
	_, err := b.graph.ListOf(t.Context(), "list-followers", relation.Followers, star, "star", page.Query{Cursor: cursor, Limit: 3})
	require.ErrorIs(t, err, page.ErrInvalidCursor, "another person's cursor")
}

func TestSuggestions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben, cleo, dan, eve := b.db.Join(t, "Ana"), b.db.Join(t, "Ben"), b.db.Join(t, "Cleo"), b.db.Join(t, "Dan"), b.db.Join(t, "Eve")
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
		fay, gus := b.db.Join(t, "Fay"), b.db.Join(t, "Gus")
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
		people = append(people, b.db.Join(t, fmt.Sprintf("storm%d", i)))
	}
	people = append(people, b.db.JoinPrivate(t, "storm-private"))
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
	b.db.CountersHold(t)
	require.Zero(t, b.db.Number(t, `SELECT count(*) FROM user_follows f JOIN user_blocks b
		ON (b.blocker_id, b.blocked_id) IN ((f.follower_id, f.followee_id), (f.followee_id, f.follower_id))`))
	net := b.db.Events(t, "users.followed.v1") - b.db.Events(t, "users.unfollowed.v1")
	require.Equal(t, b.db.Number(t, "SELECT count(*) FROM user_follows"), net, "an event for each row that came or went")
}

// Of two who are at odds about one pair, each ends in a state that one order of the two would have left.
func TestRace_OfTwoDeedsBetweenTwoPeople(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range stacktest.Budget(15, 500) {
		ana, ben, cleo := b.db.Join(t, fmt.Sprintf("ana%d", i)), b.db.Join(t, fmt.Sprintf("ben%d", i)), b.db.JoinPrivate(t, fmt.Sprintf("cleo%d", i))
		b.follow(t, ana, cleo) // a request
		b.atOnce(t,
			func(ctx context.Context) error { return b.graph.Follow(ctx, ana, ben) },
			func(ctx context.Context) error { return b.graph.Block(ctx, ben, ana) },
			func(ctx context.Context) error { return b.graph.Accept(ctx, cleo, ana) },
			func(ctx context.Context) error { return b.graph.Unfollow(ctx, ana, cleo) }, // takes the request back
		)
		require.Equal(t, users.Relation{Blocked: true}, b.relation(t, ana, ben), "a block wins in either order")
		require.Zero(t, b.db.Number(t, "SELECT count(*) FROM follow_requests WHERE follower_id = ?", ana))
		require.False(t, b.relation(t, ana, cleo).Following, "taken back before or after the yes: either way they do not follow")
	}
	b.db.CountersHold(t)
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

func isOneOf(err error, targets ...error) bool {
	for _, target := range targets {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

func TestFault_V4_V11_OneWhoBlocksMeAnswersAsMissing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.db.Join(t, "Ana"), b.db.Join(t, "Ben")
	require.NoError(t, b.graph.Block(t.Context(), ben, ana))
	ask := func(method, before string, other uuid.UUID, after string) *apptest.Response {
		return b.Do(t, apptest.Request{Method: method, Path: before + other.String() + after, Token: apptest.As(ana)})
	}
	for name, deed := range map[string][3]string{
		"accept": {http.MethodPut, "/v1/me/follow-requests/", ""}, "reject": {http.MethodDelete, "/v1/me/follow-requests/", ""},
		"block": {http.MethodPut, "/v1/users/", "/block"},
	} {
		missing, blocker := ask(deed[0], deed[1], uuid.New(), deed[2]).Want(404), ask(deed[0], deed[1], ben, deed[2]).Want(404)
		require.Equal(t, missing.Code(), blocker.Code(), name)
	}
	require.EqualValues(t, 1, b.db.Number(t, "SELECT count(*) FROM user_blocks WHERE blocker_id = ? AND blocked_id = ?", ana, ben), "blocking back takes effect")
	blocks := func() []any {
		return b.Do(t, apptest.Request{Method: http.MethodGet, Path: "/v1/me/blocks", Token: apptest.As(ana)}).Want(200).JSON()["items"].([]any)
	}
	require.Empty(t, blocks(), "nor does the list tell that he is there")
	require.NoError(t, b.graph.Unblock(t.Context(), ben, ana))
	require.True(t, b.relation(t, ben, ana).Blocked, "and outlives the other's block")
	require.Len(t, blocks(), 1)
}
