package discovery_test

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
		authors = append(authors, b.People.Add(fmt.Sprintf("a%d", n)))
		b.Publish(authors[n], fmt.Sprint(n))
		b.Publish(authors[n], fmt.Sprint(n))
	}
	whole := b.Page(uuid.Nil, "/explore?limit=50", "").IDs()
	first := b.Page(uuid.Nil, "/explore?limit=5", "")
	walked, cursor := first.IDs(), first.NextCursor
	for n := 0; cursor != nil; n++ {
		b.Send(authors[n], http.MethodPut, "/posts/"+whole[len(whole)-1-n]+"/save", nil).Want(http.StatusNoContent)
		b.Publish(authors[n], "meanwhile")
		cold := b.another() // has cached nothing, and there is no Redis
		next := cold.Page(uuid.Nil, "/explore?limit=5", *cursor)
		walked, cursor = append(walked, next.IDs()...), next.NextCursor
	}
	require.ElementsMatch(t, whole, walked)
	require.Equal(t, whole, walked, "the order of the first page")
}

func TestExplore_OlderPostsThatPeopleLikeCompeteAndAuthorsAreBounded(t *testing.T) {
	t.Parallel()
	b := setupOn(t, dbtest.Clone(t))
	loved, flood := b.People.Add("loved"), b.People.Add("flood")
	sql := func(query string, args ...any) {
		t.Helper()
		require.NoError(t, b.DB.Conn(t.Context()).Exec(query, args...).Error)
	}
	age := func(id, by string) {
		sql(`UPDATE posts SET created_at = created_at - CAST(? AS interval) WHERE id = ?`, by, id)
	}
	old, forgotten := b.Publish(loved, "two days ago"), b.Publish(loved, "two months ago")
	sql(`UPDATE posts SET like_count = 500 WHERE id IN (?, ?)`, old, forgotten)
	age(old, "2 days")
	age(forgotten, "60 days")
	for n := range 7 { // likes too, all of one author
		id := b.Publish(flood, fmt.Sprint(n))
		sql(`UPDATE posts SET like_count = 400 WHERE id = ?`, id)
		age(id, "2 days")
	}
	filler := b.People.Add("filler")
	sql(`INSERT INTO posts (id, author_id, caption, visibility) SELECT gen_random_uuid(), ?, 'x', 'public' FROM generate_series(1, 2000)`, filler)

	require.NotContains(t, b.Page(uuid.Nil, "/explore?limit=50", "").IDs(), old, "too many are newer, and nobody looked further yet")
	require.NoError(t, b.Schedules["posts.trends"](t.Context()))
	b.Publish(filler, "so that there is a new moment")
	page := b.Page(uuid.Nil, "/explore?limit=50", "")
	require.Equal(t, old, page.Items[0]["id"])
	require.NotContains(t, page.IDs(), forgotten)
	of := map[any]int{}
	for _, item := range page.Items {
		of[item["author"].(object)["handle"]]++
	}
	require.Equal(t, map[any]int{"loved": 1, "flood": 5, "filler": 5}, of)

	b.Send(loved, http.MethodDelete, "/posts/"+old, nil).Want(http.StatusNoContent)
	b.Publish(filler, "once more")
	require.NotContains(t, b.Page(uuid.Nil, "/explore?limit=50", "").IDs(), old)
}

func TestExplore_ForgetsTheOrdersOfWalksThatEnded(t *testing.T) {
	t.Parallel()
	b := setupOn(t, dbtest.Clone(t))
	ana := b.People.Add("ana")
	for n := range 3 {
		b.Publish(ana, fmt.Sprint(n))
	}
	kept := func() (n int) {
		require.NoError(t, b.DB.Conn(t.Context()).Raw(`SELECT count(*) FROM post_rankings`).Scan(&n).Error)
		return n
	}
	first := b.Page(ana, "/explore?limit=1", "")
	require.Equal(t, 1, kept())
	require.NoError(t, b.Schedules["posts.trends"](t.Context()))
	require.Equal(t, 1, kept(), "a walk may last 15 minutes")
	require.NoError(t, b.DB.Conn(t.Context()).Exec(`UPDATE post_rankings SET at = at - CAST(? AS interval)`, (21*time.Minute).String()).Error)
	require.NoError(t, b.Schedules["posts.trends"](t.Context()))
	require.Zero(t, kept())
	require.Len(t, b.another().Page(ana, "/explore?limit=50", *first.NextCursor).Items, 2, "a walk that is older goes on all the same")
}
