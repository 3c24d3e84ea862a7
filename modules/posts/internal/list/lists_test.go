package list_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"atrium/platform/dbtest"
	"atrium/platform/money"
)

func TestFeed_AWalkDuringInsertsAndDeletesSeesEachSurvivorOnce(t *testing.T) {
	t.Parallel()
	b := setupOn(t, dbtest.Clone(t))
	me := b.People.Add("me")
	var authors []uuid.UUID
	for n := range 3 {
		authors = append(authors, b.People.Add(fmt.Sprintf("a%d", n)))
		b.People.Follow(me, authors[n])
	}
	authors = append(authors, me)
	var there []string
	for n := range 40 {
		there = append(there, b.Publish(authors[n%4], fmt.Sprint(n)))
	}
	deleted := map[string]bool{}
	walked := b.Walk(me, "/feed?limit=3", func(n int) {
		b.Publish(authors[n%4], "meanwhile")
		victim := there[(n*7)%len(there)]
		author := authors[slices.Index(there, victim)%4]
		if !deleted[victim] {
			b.Send(author, http.MethodDelete, "/posts/"+victim, nil).Want(http.StatusNoContent)
			deleted[victim] = true
		}
	})
	seen := map[string]int{}
	for _, id := range walked {
		seen[id]++
		require.Equal(t, 1, seen[id], "no duplicate")
	}
	for _, id := range there {
		require.True(t, seen[id] == 1 || deleted[id], "no gap")
	}
	survivors := slices.DeleteFunc(slices.Clone(walked), func(id string) bool { return deleted[id] })
	slices.Reverse(there)
	require.Equal(t, slices.DeleteFunc(there, func(id string) bool { return deleted[id] }), survivors, "newest first")
}

func TestFeed_AThousandPostsOfOneInstantPageWithoutLoss(t *testing.T) {
	t.Parallel()
	b := setup(t)
	me, ana := b.People.Add("me"), b.People.Add("ana")
	b.People.Follow(me, ana)
	require.NoError(t, b.DB.Conn(t.Context()).Exec(`
		INSERT INTO posts (id, author_id, caption, visibility) SELECT gen_random_uuid(), ?, 'x', 'public' FROM generate_series(1, 1000)`, ana).Error)
	ids := b.Walk(me, "/feed?limit=50", func(int) {})
	require.Len(t, ids, 1000)
	slices.Sort(ids)
	require.Len(t, slices.Compact(ids), 1000)
}

func TestFeed_ABlockBetweenPagesBitesAndPagesStayFull(t *testing.T) {
	t.Parallel()
	b := setup(t)
	me, ana, ben, mute := b.People.Add("me"), b.People.Add("ana"), b.People.Add("ben"), b.People.Add("mute")
	for _, author := range []uuid.UUID{ana, ben, mute} {
		b.People.Follow(me, author)
	}
	b.People.Mute(me, mute)
	var anas []string
	for n := range 12 {
		anas = append(anas, b.Publish(ana, fmt.Sprint(n)))
		b.Publish(ben, fmt.Sprint(n))
		b.Publish(mute, fmt.Sprint(n))
		b.Publish(ben, fmt.Sprint(n), object{"visibility": "private"})
	}
	first := b.Page(me, "/feed?limit=4", "")
	require.Len(t, first.Items, 4)
	b.People.Block(ben, me)
	rest := b.Page(me, "/feed?limit=4", *first.NextCursor)
	require.Len(t, rest.Items, 4, "short only at the end")
	for _, item := range rest.Items {
		require.Equal(t, "ana", item["author"].(object)["handle"])
	}
	slices.Reverse(anas)
	require.Equal(t, anas, b.Walk(me, "/feed?limit=4", func(int) {}))
}

func TestFeed_CursorsAreSignedAndBound(t *testing.T) {
	t.Parallel()
	b := setup(t)
	me, ana := b.People.Add("me"), b.People.Add("ana")
	for range 3 {
		b.Publish(me, "#x")
	}
	cursor := *b.Page(me, "/feed?limit=1", "").NextCursor
	b.Get(me, "/feed?limit=50&cursor="+cursor).Want(http.StatusOK)
	for as, path := range map[string]string{
		"another person": "/feed?cursor=" + cursor, "another list": "/explore?cursor=" + cursor,
		"a changed one": "/feed?cursor=" + cursor[:len(cursor)-1], "nonsense": "/feed?cursor=x",
	} {
		who := me
		if as == "another person" {
			who = ana
		}
		require.Equal(t, "page.invalid_cursor", b.Get(who, path).Want(http.StatusBadRequest).Code(), as)
	}
}

func TestFeed_CountsWhatIsNewFromOthers(t *testing.T) {
	t.Parallel()
	b := setupOn(t, dbtest.Clone(t))
	me, ana := b.People.Add("me"), b.People.Add("ana")
	b.People.Follow(me, ana)
	b.Publish(ana, "before")
	since := b.Page(me, "/feed?limit=1", "").Items[0]["created_at"].(string)
	count := func() any {
		return b.Get(me, "/feed/new-count?since="+url.QueryEscape(since)).Want(http.StatusOK).JSON()["count"]
	}
	require.Equal(t, 0.0, count())
	b.Publish(ana, "one")
	b.Publish(ana, "hidden", object{"visibility": "private"})
	b.Publish(me, "own")
	require.Equal(t, 1.0, count())
}

func TestFeed_APageCostsAFewStatements(t *testing.T) {
	t.Parallel()
	b := setup(t)
	me := b.People.Add("me")
	chair := b.Catalogue.Add("chair", 1, money.Of(1, "EUR"))
	for n := range 25 {
		author := b.People.Add(fmt.Sprintf("a%d", n))
		b.People.Follow(me, author)
		id := b.Publish(author, "#x", object{"photos": []object{{"upload_id": b.Library.Add(author), "pins": []object{{"x": 0, "y": 0, "product_id": chair}}}}})
		b.Send(me, http.MethodPut, "/posts/"+id+"/like", nil).Want(http.StatusNoContent)
	}
	var statements atomic.Int32
	count := func(*gorm.DB) { statements.Add(1) }
	callbacks := b.DB.Conn(t.Context()).Callback()
	require.NoError(t, callbacks.Query().Before("gorm:query").Register("test:count", count))
	require.NoError(t, callbacks.Row().Before("gorm:row").Register("test:count", count))
	require.NoError(t, callbacks.Raw().Before("gorm:raw").Register("test:count", count))
	cold := b.another()
	cost := func(path string) int32 {
		statements.Store(0)
		require.Len(t, cold.Page(me, path, "").Items, 20, path)
		return statements.Load()
	}
	require.Equal(t, int32(4), cost("/feed?limit=20"), "cold: timeline, who is pulled, contents, marks")
	require.Equal(t, int32(1), cost("/feed?limit=20"), "warm, without Redis: the timeline")
	for _, path := range []string{"/explore?limit=20", "/tags/x/posts?limit=20", "/search/posts?limit=20", "/products/chair/posts?limit=20"} {
		require.LessOrEqual(t, cost(path), int32(4), path)
	}
}

func TestUserPosts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, fan, ben := b.People.Add("ana"), b.People.Add("fan"), b.People.Add("ben")
	b.People.Follow(fan, ana)
	var all []string
	for _, visibility := range []string{"public", "followers", "private"} {
		all = append(all, b.Publish(ana, visibility, object{"visibility": visibility}))
	}
	slices.Reverse(all)
	for _, user := range []string{"ana", ana.String()} {
		path := "/users/" + user + "/posts?limit=2"
		require.Equal(t, all, b.Walk(ana, path, func(int) {}))
		require.Equal(t, all[1:], b.Walk(fan, path, func(int) {}))
		require.Equal(t, all[2:], b.Walk(ben, path, func(int) {}))
		require.Equal(t, all[2:], b.Walk(uuid.Nil, path, func(int) {}))
	}
	b.People.SetPrivate(ana, true)
	require.Empty(t, b.Page(ben, "/users/ana/posts?limit=5", "").Items)
	b.People.Mute(fan, ana)
	require.Len(t, b.Page(fan, "/users/ana/posts?limit=5", "").Items, 2, "mute hides from feed and explore only")
	b.People.Block(ana, ben)
	b.Get(ben, "/users/ana/posts").Want(http.StatusNotFound)
}

func TestExplore_RanksAgainstAgeAndMixesAuthors(t *testing.T) {
	t.Parallel()
	b := setupOn(t, dbtest.Clone(t))
	ana, ben, cleo := b.People.Add("ana"), b.People.Add("ben"), b.People.Add("cleo")
	age := func(id, by string) {
		require.NoError(t, b.DB.Conn(t.Context()).Exec(`UPDATE posts SET created_at = created_at - CAST(? AS interval) WHERE id = ?`, by, id).Error)
	}
	loved := b.Publish(ana, "loved, an hour ago")
	age(loved, "1 hour")
	for n := range 5 {
		b.Send(b.People.Add(fmt.Sprintf("fan%d", n)), http.MethodPut, "/posts/"+loved+"/save", nil).Want(http.StatusNoContent)
	}
	stale := b.Publish(ben, "loved, a month ago")
	age(stale, "30 days")
	for n := range 5 {
		b.Send(ana, http.MethodPut, "/posts/"+stale+"/like", nil).Want(http.StatusNoContent)
		b.Send(b.People.Add(fmt.Sprintf("old%d", n)), http.MethodPut, "/posts/"+stale+"/save", nil).Want(http.StatusNoContent)
	}
	for n := range 8 {
		b.Publish(cleo, fmt.Sprint("flood ", n))
	}
	fresh := b.Publish(ben, "fresh")
	first := b.Page(uuid.Nil, "/explore?limit=3", "")
	require.Equal(t, loved, first.Items[0]["id"])
	require.Contains(t, first.IDs(), fresh, "not buried by one who posts a lot")

	late := b.Publish(ana, "after the first page")
	rest := b.Page(uuid.Nil, "/explore?limit=50", *first.NextCursor)
	all := append(first.IDs(), rest.IDs()...)
	require.NotContains(t, all, late, "one walk shows one order")
	require.Equal(t, stale, all[len(all)-1])
	require.Len(t, all, 3+5, "at most five of one author")
	require.Contains(t, b.Page(uuid.Nil, "/explore?limit=50", "").IDs(), late, "a new walk sees it at once")
}

func TestSearch(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.People.Add("ana")
	oak := b.Publish(ana, "An OAK table, 100% solid", object{"room": "living"})
	pine := b.Publish(ana, "pine_table 거실", object{"style": "japandi"})
	b.Publish(ana, "private oak", object{"visibility": "private"})
	for query, want := range map[string][]string{
		"q=oak": {oak}, "q=table+oak": {oak}, "q=table": {pine, oak}, "q=100%25": {oak}, "q=%25": {oak}, "q=_": {pine}, "q=%5C": {},
		"q=%EA%B1%B0%EC%8B%A4": {pine}, "room=living": {oak}, "style=japandi&q=table": {pine}, "style=japandi&room=living": {}, "q=": {pine, oak},
	} {
		require.Equal(t, want, b.Page(ana, "/search/posts?"+query, "").IDs(), query)
	}
}

func TestTagsAndProducts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.People.Add("ana")
	chair := b.Catalogue.Add("chair", 1, money.Of(1, "EUR"))
	pin := object{"x": 0.5, "y": 0.5, "product_id": chair}
	var ids []string
	for n := range 5 {
		ids = append(ids, b.Publish(ana, fmt.Sprintf("#거실 ＃Cozy %d", n), object{"photos": []object{{"upload_id": b.Library.Add(ana), "pins": []object{pin, pin}}}}))
	}
	slices.Reverse(ids)
	for _, path := range []string{"/tags/cozy/posts", "/tags/COZY/posts", "/tags/%EA%B1%B0%EC%8B%A4/posts", "/products/chair/posts", "/products/" + chair.String() + "/posts"} {
		require.Equal(t, ids, b.Walk(ana, path+"?limit=2", func(int) {}), path)
	}
}

func TestShop(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.People.Add("ana")
	chair := b.Catalogue.Add("chair", 3, money.Of(12900, "EUR"), money.Of(14900, "EUR"))
	lamp := b.Catalogue.Add("lamp", 1, money.Of(4900, "EUR"))
	sold := b.Catalogue.Add("sold-out", 0, money.Of(100, "EUR"))
	gone := b.Catalogue.Add("gone", 1, money.Of(100, "EUR"))
	pin := func(product uuid.UUID, x float64) object {
		return object{"x": x, "y": 0.5, "product_id": product, "label": "here"}
	}
	id := b.Publish(ana, "shop", object{"photos": []object{
		{"upload_id": b.Library.Add(ana), "pins": []object{pin(gone, 0.1), pin(chair, 0.2), pin(sold, 0.3), {"x": 0, "y": 0}}},
		{"upload_id": b.Library.Add(ana), "pins": []object{pin(lamp, 0.4), pin(chair, 0.6)}},
	}})
	b.Catalogue.Discontinue(gone)
	shop := b.Get(uuid.Nil, "/posts/"+id+"/shop").Want(http.StatusOK).JSON()
	items := shop["items"].([]any)
	require.Len(t, items, 2)
	first := items[0].(object)
	require.Equal(t, "chair", first["product"].(object)["slug"])
	require.Len(t, first["pins"], 2)
	require.Len(t, first["variants"], 2)
	require.Equal(t, object{"amount": 12900.0, "currency": "EUR"}, first["variants"].([]any)[0].(object)["price"])
	require.Equal(t, 3.0, first["variants"].([]any)[0].(object)["available"])
	require.Equal(t, object{"amount": 17800.0, "currency": "EUR"}, shop["total"])
	unavailable := shop["unavailable"].([]any)
	require.Equal(t, "discontinued", unavailable[0].(object)["reason"])
	require.Nil(t, unavailable[0].(object)["product"])
	require.Equal(t, "out_of_stock", unavailable[1].(object)["reason"])
	for _, u := range unavailable {
		require.NotEmpty(t, u.(object)["alternatives"], "something else instead")
	}

	yen := b.Catalogue.Add("yen", 1, money.Of(1, "JPY"))
	mixed := b.Publish(ana, "mixed", object{"photos": []object{{"upload_id": b.Library.Add(ana), "pins": []object{pin(lamp, 0), pin(yen, 1)}}}})
	require.Nil(t, b.Get(ana, "/posts/"+mixed+"/shop").JSON()["total"], "no sum of two currencies")
	empty := b.Get(ana, "/posts/"+b.Publish(ana, "nothing pinned")+"/shop").JSON()
	require.Equal(t, object{"items": []any{}, "total": nil, "unavailable": []any{}}, empty)
}
