package postsfx

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/platform/dbtest"
)

func TestExplore_AWalkKeepsItsOrderOnEveryInstanceWhilePeopleLikeAndPost(t *testing.T) {
	t.Parallel()
	b := setupOn(t, dbtest.Clone(t))
	var authors []uuid.UUID
	for n := range 12 {
		authors = append(authors, b.people.Add(fmt.Sprintf("a%d", n)))
		b.post(authors[n], fmt.Sprint(n))
		b.post(authors[n], fmt.Sprint(n))
	}
	whole := b.page(uuid.Nil, "/explore?limit=50", "").ids()
	first := b.page(uuid.Nil, "/explore?limit=5", "")
	walked, cursor := first.ids(), first.NextCursor
	for n := 0; cursor != nil; n++ {
		b.do(authors[n], http.MethodPut, "/posts/"+whole[len(whole)-1-n]+"/save", nil).Want(http.StatusNoContent)
		b.post(authors[n], "meanwhile")
		cold := b.another() // has cached nothing, and there is no Redis
		next := cold.page(uuid.Nil, "/explore?limit=5", *cursor)
		walked, cursor = append(walked, next.ids()...), next.NextCursor
	}
	require.ElementsMatch(t, whole, walked)
	require.Equal(t, whole, walked, "the order of the first page")
}

func TestExplore_OlderPostsThatPeopleLikeCompeteAndAuthorsAreBounded(t *testing.T) {
	t.Parallel()
	b := setupOn(t, dbtest.Clone(t))
	loved, flood := b.people.Add("loved"), b.people.Add("flood")
	sql := func(query string, args ...any) {
		t.Helper()
		require.NoError(t, b.db.Conn(t.Context()).Exec(query, args...).Error)
	}
	age := func(id, by string) {
		sql(`UPDATE posts SET created_at = created_at - CAST(? AS interval) WHERE id = ?`, by, id)
	}
	old, forgotten := b.post(loved, "two days ago"), b.post(loved, "two months ago")
	sql(`UPDATE posts SET like_count = 500 WHERE id IN (?, ?)`, old, forgotten)
	age(old, "2 days")
	age(forgotten, "60 days")
	for n := range 7 { // likes too, all of one author
		id := b.post(flood, fmt.Sprint(n))
		sql(`UPDATE posts SET like_count = 400 WHERE id = ?`, id)
		age(id, "2 days")
	}
	filler := b.people.Add("filler")
	sql(`INSERT INTO posts (id, author_id, caption, visibility) SELECT gen_random_uuid(), ?, 'x', 'public' FROM generate_series(1, 2000)`, filler)

	require.NotContains(t, b.page(uuid.Nil, "/explore?limit=50", "").ids(), old, "too many are newer, and nobody looked further yet")
	require.NoError(t, b.schedules["posts.trends"](t.Context()))
	b.post(filler, "so that there is a new moment")
	page := b.page(uuid.Nil, "/explore?limit=50", "")
	require.Equal(t, old, page.Items[0]["id"])
	require.NotContains(t, page.ids(), forgotten)
	of := map[any]int{}
	for _, item := range page.Items {
		of[item["author"].(object)["handle"]]++
	}
	require.Equal(t, map[any]int{"loved": 1, "flood": 5, "filler": 5}, of)

	b.do(loved, http.MethodDelete, "/posts/"+old, nil).Want(http.StatusNoContent)
	b.post(filler, "once more")
	require.NotContains(t, b.page(uuid.Nil, "/explore?limit=50", "").ids(), old)
}

func TestExplore_ForgetsTheOrdersOfWalksThatEnded(t *testing.T) {
	t.Parallel()
	b := setupOn(t, dbtest.Clone(t))
	ana := b.people.Add("ana")
	for n := range 3 {
		b.post(ana, fmt.Sprint(n))
	}
	kept := func() (n int) {
		require.NoError(t, b.db.Conn(t.Context()).Raw(`SELECT count(*) FROM post_rankings`).Scan(&n).Error)
		return n
	}
	first := b.page(ana, "/explore?limit=1", "")
	require.Equal(t, 1, kept())
	require.NoError(t, b.schedules["posts.trends"](t.Context()))
	require.Equal(t, 1, kept(), "a walk may last 15 minutes")
	require.NoError(t, b.db.Conn(t.Context()).Exec(`UPDATE post_rankings SET at = at - CAST(? AS interval)`, (21*time.Minute).String()).Error)
	require.NoError(t, b.schedules["posts.trends"](t.Context()))
	require.Zero(t, kept())
	require.Len(t, b.another().page(ana, "/explore?limit=50", *first.NextCursor).Items, 2, "a walk that is older goes on all the same")
}
