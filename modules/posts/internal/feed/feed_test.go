package feed_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/posts/internal/moduletest"
	"atrium/modules/users"
	"atrium/platform/dbtest"
	"atrium/platform/money"
	"atrium/platform/redistest"
	"atrium/platform/stacktest"
	"atrium/platform/tasks/taskstest"
)

// setupRedis is setup with committed data and a Redis that the test can cut off.
func setupRedis(t *testing.T) (*bundle, *stacktest.Proxy) {
	t.Helper()
	line := redistest.Broken(t)
	return setupOn(t, dbtest.Clone(t), redistest.Dial(t, line.URL())), line
}

// works lets the workers do everything that is due, again and again where a busy machine lets Redis seem away.
func (b *bundle) works() {
	b.T.Helper()
	require.Eventually(b.T, func() bool {
		return !slices.ContainsFunc(taskstest.Try(b.T, b.DB, b.Handlers...), func(r taskstest.Ran) bool { return r.Err != nil })
	}, time.Minute, 100*time.Millisecond)
}

// from reads the first page and checks where it comes from.
func (b *bundle) from(as uuid.UUID, origin string) []string {
	b.T.Helper()
	answer := b.Get(as, "/feed?limit=20").Want(http.StatusOK)
	require.Equal(b.T, origin, answer.Header.Get("X-Cache"))
	var page moduletest.List
	answer.Decode(&page)
	return page.IDs()
}

func reversed(ids ...string) []string {
	ids = slices.Clone(ids)
	slices.Reverse(ids)
	return ids
}

func TestFeed_WhatIsPublishedComesIntoTheFollowersTimelines(t *testing.T) {
	t.Parallel()
	b, _ := setupRedis(t)
	me, ana, ben := b.People.Add("me"), b.People.Add("ana"), b.People.Add("ben")
	b.People.Follow(me, ana)
	one := b.Publish(ana, "one")
	require.Equal(t, []string{one}, b.from(me, "miss"))
	require.Equal(t, []string{one}, b.from(me, "hit"))

	two := b.Publish(ana, "two")
	b.Publish(ben, "of a stranger")
	b.works()
	require.Equal(t, []string{two, one}, b.from(me, "hit"))
	b.works()
	require.Equal(t, []string{two, one}, b.from(me, "hit"), "spreading again changes nothing")

	t.Run("one's own are there at once", func(t *testing.T) {
		own := b.Publish(me, "mine")
		require.Equal(t, []string{own, two, one}, b.from(me, "miss"))
		b.works()
		require.Equal(t, []string{own, two, one}, b.from(me, "hit"))
		b.Send(me, http.MethodDelete, "/posts/"+own, nil).Want(http.StatusNoContent)
	})
	t.Run("deleting and restoring bite", func(t *testing.T) {
		b.Send(ana, http.MethodDelete, "/posts/"+one, nil).Want(http.StatusNoContent)
		require.Equal(t, []string{two}, b.Page(me, "/feed?limit=20", "").IDs())
		b.Send(ana, http.MethodPost, "/posts/"+one+"/restore", nil).Want(http.StatusOK)
		b.works()
		require.Equal(t, []string{two, one}, b.Page(me, "/feed?limit=20", "").IDs())
	})
	t.Run("a restored one comes also where it was missing", func(t *testing.T) {
		b.Send(ana, http.MethodDelete, "/posts/"+two, nil).Want(http.StatusNoContent)
		b.People.Follow(me, ben) // makes the timeline anew
		require.NotContains(t, b.from(me, "miss"), two)
		b.Send(ana, http.MethodPost, "/posts/"+two+"/restore", nil).Want(http.StatusOK)
		b.works()
		require.Contains(t, b.from(me, "hit"), two)
	})
	t.Run("what was purged makes the timeline anew", func(t *testing.T) {
		b.from(me, "hit")
		require.NoError(t, b.DB.Conn(t.Context()).Exec("DELETE FROM posts WHERE id = ?", one).Error)
		require.NoError(t, b.Redis.Del(t.Context(), "posts.content.5:"+one).Err())
		fresh := b.another()
		require.NotContains(t, fresh.Page(me, "/feed?limit=20", "").IDs(), one)
		fresh.from(me, "miss")
		fresh.from(me, "hit")
	})
}

func TestFeed_FollowingBringsOldPostsAndUnfollowingBites(t *testing.T) {
	t.Parallel()
	b, _ := setupRedis(t)
	me, ana, ben := b.People.Add("me"), b.People.Add("ana"), b.People.Add("ben")
	b.People.Follow(me, ana)
	old, one := b.Publish(ben, "old"), b.Publish(ana, "one")
	require.Equal(t, []string{one}, b.from(me, "miss"))
	b.People.Follow(me, ben)
	require.Equal(t, []string{one, old}, b.from(me, "miss"))
	b.People.Unfollow(me, ana)
	require.Equal(t, []string{old}, b.from(me, "miss"))

	t.Run("whoever is still pushed to sees nothing of it", func(t *testing.T) {
		b.People.Follow(me, ana)
		b.from(me, "miss")
		two := b.Publish(ana, "two")
		b.works()
		require.Contains(t, b.from(me, "hit"), two)
	})
}

func TestFeed_AuthorsWithManyFollowersArePulled(t *testing.T) {
	t.Parallel()
	b, _ := setupRedis(t)
	star, ana := b.People.Add("star"), b.People.Add("ana")
	var fans []uuid.UUID
	for n := range moduletest.PushUpTo + 1 {
		fans = append(fans, b.People.Add(fmt.Sprintf("fan%d", n)))
		b.People.Follow(fans[n], star)
	}
	me := fans[0]
	b.People.Follow(me, ana)
	var all []string
	publish := func(author uuid.UUID) {
		all = append(all, b.Publish(author, "x"))
		b.works()
		for range 2 { // made, then read
			require.Equal(t, reversed(all...), b.Page(me, "/feed?limit=20", "").IDs())
		}
	}
	b.from(me, "miss")
	for range 3 {
		publish(star)
		publish(ana)
	}
	var pulled int
	require.NoError(t, b.DB.Conn(t.Context()).Raw("SELECT count(*) FROM post_pulled_authors WHERE author_id = ?", star).Scan(&pulled).Error)
	require.Equal(t, 1, pulled)
	require.Equal(t, all[:6], reversed(b.from(me, "hit")...))
	require.Equal(t, reversed(all...), b.Walk(me, "/feed?limit=2", func(int) {}))

	t.Run("in the middle of a moment too", func(t *testing.T) {
		require.NoError(t, b.DB.Conn(t.Context()).Exec(`INSERT INTO posts (id, author_id, caption, visibility)
			SELECT gen_random_uuid(), a, 'x', 'public' FROM generate_series(1, 150), unnest(ARRAY[?, ?]::uuid[]) a`, star, ana).Error)
		fresh := b.another()
		ids := fresh.Walk(fans[1], "/feed?limit=7", func(int) {})
		require.Len(t, ids, 153, "the star's")
		slices.Sort(ids)
		require.Len(t, slices.Compact(ids), 153)
	})
}

// The same answers, whatever Redis does between two pages.
func TestFeed_WalksWhileRedisIsLostOrFlushed(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(b *bundle, line *stacktest.Proxy, page int){
		"flushed": func(b *bundle, line *stacktest.Proxy, _ int) {
			require.NoError(b.T, redistest.Dial(b.T, line.Direct()).FlushDB(context.Background()).Err())
		},
		"cut off and mended": func(_ *bundle, line *stacktest.Proxy, page int) {
			if page%2 == 1 {
				line.Cut()
			} else {
				line.Mend()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, line := setupRedis(t)
			b.T = t
			me, ana := b.People.Add("me"), b.People.Add("ana")
			b.People.Follow(me, ana)
			var all []string
			for n := range 30 {
				all = append(all, b.Publish([]uuid.UUID{me, ana}[n%2], fmt.Sprint(n)))
			}
			b.from(me, "miss")
			walked := b.Walk(me, "/feed?limit=4", func(page int) { lose(b, line, page) })
			require.Equal(t, reversed(all...), walked)
		})
	}
}

func TestFeed_RedisDownIsSaidAndAnsweredFast(t *testing.T) {
	t.Parallel()
	b, line := setupRedis(t)
	me, ana := b.People.Add("me"), b.People.Add("ana")
	b.People.Follow(me, ana)
	one := b.Publish(ana, "one")
	b.from(me, "miss")
	line.Cut()
	began := time.Now()
	require.Equal(t, []string{one}, b.from(me, "bypass"))
	require.Less(t, time.Since(began), 2*time.Second)
	two := b.Publish(ana, "two")
	require.Equal(t, []string{two, one}, b.from(me, "bypass"), "without Redis a feed is as new as the database")
	line.Mend()
	require.Eventually(t, func() bool {
		return b.Get(me, "/feed?limit=1").Header.Get("X-Cache") != "bypass"
	}, 10*time.Second, 10*time.Millisecond)
	b.works()
	require.Equal(t, []string{two, one}, b.Page(me, "/feed?limit=20", "").IDs())
}

// 200 posts come and 50 go while somebody walks: whoever was there at the first page and survives is seen once.
func TestFeed_WalkDuringInsertsAndDeletes(t *testing.T) {
	t.Parallel()
	for range stacktest.Budget(1, 20) {
		b, _ := setupRedis(t)
		me := b.People.Add("me")
		var authors []uuid.UUID
		for n := range 4 {
			authors = append(authors, b.People.Add(fmt.Sprintf("a%d", n)))
			b.People.Follow(me, authors[n])
		}
		var there []string
		for n := range 100 {
			there = append(there, b.Publish(authors[n%4], fmt.Sprint(n)))
		}
		b.from(me, "miss")
		inserts, deleted := 200, map[string]bool{}
		walked := b.Walk(me, "/feed?limit=4", func(int) {
			for range min(inserts, 15) {
				inserts--
				b.Publish(authors[inserts%4], "meanwhile")
			}
			for range min(50-len(deleted), 3) {
				at := (11 + 37*len(deleted)) % len(there) // another one each time
				b.Send(authors[at%4], http.MethodDelete, "/posts/"+there[at], nil).Want(http.StatusNoContent)
				deleted[there[at]] = true
			}
			b.works()
		})
		survivors := slices.DeleteFunc(reversed(there...), func(id string) bool { return deleted[id] })
		seen := slices.DeleteFunc(slices.Clone(walked), func(id string) bool { return deleted[id] })
		require.Equal(t, survivors, seen, "each survivor once, newest first")
		require.Len(t, deleted, 50)
		require.Zero(t, inserts)
	}
}

func TestFeed_LikesSavesAndCountsAreReadAtOnce(t *testing.T) {
	t.Parallel()
	b, _ := setupRedis(t)
	me, ana := b.People.Add("me"), b.People.Add("ana")
	b.People.Follow(me, ana)
	id := b.Publish(ana, `"viewer":{"liked":false,"saved":false} and 1 < 2`)
	first := func() object { return b.Page(me, "/feed?limit=1", "").Items[0] }
	whole := func() object { return b.Get(me, "/posts/"+id).Want(http.StatusOK).JSON() }
	for _, step := range []struct {
		method, what        string
		liked, saved        bool
		likes, saves, notes float64
	}{
		{http.MethodPut, "like", true, false, 1, 0, 0},
		{http.MethodPut, "save", true, true, 1, 1, 0},
		{"comment", "", true, true, 1, 1, 1},
		{http.MethodDelete, "like", false, true, 0, 1, 1},
		{http.MethodDelete, "save", false, false, 0, 0, 1},
	} {
		first() // in the caches
		if step.method == "comment" {
			b.Comment(me, id, "How lovely", nil)
		} else {
			b.Send(me, step.method, "/posts/"+id+"/"+step.what, nil).Want(http.StatusNoContent)
		}
		for name, post := range map[string]object{"feed": first(), "post": whole()} {
			require.Equal(t, object{"liked": step.liked, "saved": step.saved}, post["viewer"], name)
			require.Equal(t, object{"likes": step.likes, "comments": step.notes, "saves": step.saves}, post["counts"], name)
		}
		require.Equal(t, false, b.Page(ana, "/feed?limit=1", "").Items[0]["viewer"].(object)["liked"], "others have their own")
	}
	t.Run("a card in a list is the post without its palettes", func(t *testing.T) {
		post := whole()
		for _, photo := range post["photos"].([]any) {
			delete(photo.(object), "palette")
		}
		require.Equal(t, post, first())
	})
}

func TestFeed_MarksOlderThanTheKeptOnesAreFound(t *testing.T) {
	t.Parallel()
	b, _ := setupRedis(t)
	me, ana := b.People.Add("me"), b.People.Add("ana")
	b.People.Follow(me, ana)
	old := b.Publish(ana, "old")
	b.Send(me, http.MethodPut, "/posts/"+old+"/like", nil).Want(http.StatusNoContent)
	require.NoError(t, b.DB.Conn(t.Context()).Exec(`
		WITH made AS (INSERT INTO posts (id, author_id, caption, visibility)
			SELECT ('ffffffff-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, ?, 'x', 'private' FROM generate_series(1, 1200) n RETURNING id)
		INSERT INTO post_likes (post_id, user_id) SELECT id, ? FROM made`, uuid.New(), me).Error)
	fresh := b.another()
	require.Equal(t, true, fresh.Page(me, "/feed?limit=1", "").Items[0]["viewer"].(object)["liked"])
}

func TestFeed_LeavesOutWhatOneMuted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	me, ana := b.People.Add("me"), b.People.Add("ana")
	b.People.Follow(me, ana)
	plain := b.Publish(ana, "a quiet room")
	loft := b.Publish(ana, "Look! #loft")
	boho := b.Publish(ana, "this too", object{"style": "industrial"})
	chair := b.Catalogue.Add("chair", 1, money.Of(100, "EUR"))
	b.Catalogue.SetBrand(chair, "Loud")
	branded := b.Publish(ana, "a chair", object{"photos": []object{{"upload_id": b.Library.Add(ana), "pins": []object{{"x": 0, "y": 0, "product_id": chair}}}}})
	own := b.Publish(me, "my own #loft")
	all := []string{own, branded, boho, loft, plain}
	feed := func() []string { return b.Page(me, "/feed?limit=20", "").IDs() }
	require.Equal(t, all, feed())

	for name, c := range map[string]struct {
		gone string
		hits func(users.Subject) bool
	}{
		"a tag":   {loft, func(s users.Subject) bool { return slices.Contains(s.Tags, "loft") }},
		"a word":  {plain, func(s users.Subject) bool { return strings.Contains(s.Text, "quiet") }},
		"a style": {boho, func(s users.Subject) bool { return s.Style == "industrial" }},
		"a brand": {branded, func(s users.Subject) bool { return slices.Contains(s.Brands, "Loud") }},
	} {
		b.People.MuteWhat(me, c.hits)
		require.Equal(t, slices.DeleteFunc(slices.Clone(all), func(id string) bool { return id == c.gone }), feed(), name)
		require.Len(t, b.Page(me, "/feed?limit=4", "").Items, 4, "%s: the page is refilled", name)
		b.Get(me, "/posts/"+c.gone).Want(http.StatusOK)
		require.Contains(t, b.Page(me, "/users/"+ana.String()+"/posts?limit=20", "").IDs(), c.gone, "%s: on the profile it is what one asked for", name)
	}
	b.People.MuteWhat(me, nil)
	require.Equal(t, all, feed())
}

// A build before keeps the figures with the content, under another name: both forget them while both run.
func TestFigures_AreDroppedForABuildBefore(t *testing.T) {
	t.Parallel()
	b, _ := setupRedis(t)
	ana, ben := b.People.Add("ana"), b.People.Add("ben")
	post := b.Publish(ana, "a room")
	before := "posts.content.4:" + post
	require.NoError(t, b.Redis.Set(t.Context(), before, "with figures", time.Hour).Err())
	b.Send(ben, http.MethodPut, "/posts/"+post+"/like", nil).Want(http.StatusNoContent)
	require.Zero(t, b.Redis.Exists(t.Context(), before).Val())
}
