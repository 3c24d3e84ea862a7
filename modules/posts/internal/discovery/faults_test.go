package discovery_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/platform/dbtest"
	"atrium/platform/money"
)

// pinned publishes a post with a product pinned on it.
func (b *bundle) pinned(author, product uuid.UUID, more ...object) string {
	b.T.Helper()
	photo := object{"photos": []object{{"upload_id": b.Library.Add(author), "pins": []object{{"x": 0.5, "y": 0.5, "product_id": product}}}}}
	return b.Publish(author, "with it", append([]object{photo}, more...)...)
}

func TestFault_H10_AWalkBySavesShowsEachPostOnce(t *testing.T) {
	t.Parallel()
	b := setupOn(t, dbtest.Clone(t))
	ana, ben := b.People.Add("ana"), b.People.Add("ben")
	var fans []uuid.UUID
	for n := range 12 {
		fans = append(fans, b.People.Add(fmt.Sprint("fan", n)))
	}
	save := func(post string, fans ...uuid.UUID) {
		for _, fan := range fans {
			b.Send(fan, http.MethodPut, "/posts/"+post+"/save", nil).Want(http.StatusNoContent)
		}
	}
	chair := b.Catalogue.Add("chair", 1, money.Of(1, "EUR"))
	path := "/products/chair/posts?limit=3"
	var there []string
	for n := range 12 {
		there = append(there, b.pinned(ana, chair))
		save(there[n], fans[:n]...)
	}
	whole := slices.Clone(there)
	slices.Reverse(whole)
	require.Equal(t, whole, b.Page(ben, "/products/chair/posts?limit=50", "").IDs())

	walked := b.Walk(ben, path, func(n int) {
		save(whole[11-n], fans...)                                                                     // from the end to the front
		b.Send(fans[0], http.MethodDelete, "/posts/"+whole[n]+"/save", nil).Want(http.StatusNoContent) // and from the front down
		save(b.pinned(ana, chair), fans...)                                                            // new in the lead
		require.NotEqual(t, whole[0], b.Page(fans[n], path, "").IDs()[0], "others begin their own walks")
	})
	require.Equal(t, whole, walked)
	require.NotEqual(t, whole[0], b.Page(ben, path, "").IDs()[0], "a new walk sees what came meanwhile")

	// Another instance, later: the order is kept, and one that was forgotten goes on after the same post.
	first := b.Page(ben, path, "")
	second := b.another().Page(ben, path, *first.NextCursor)
	rest := b.another().Page(ben, "/products/chair/posts?limit=50", *second.NextCursor).IDs()
	require.NoError(t, b.DB.Conn(t.Context()).Exec(`UPDATE post_product_orders SET at = at - interval '21 minutes'`).Error)
	require.NoError(t, b.Schedules["posts.trends"](t.Context()))
	var kept int
	require.NoError(t, b.DB.Conn(t.Context()).Raw(`SELECT count(*) FROM post_product_orders`).Scan(&kept).Error)
	require.Zero(t, kept)
	require.Equal(t, rest, b.Page(ben, "/products/chair/posts?limit=50", *second.NextCursor).IDs())
}

func TestFault_H10_AnOrderIsWrittenDownOnceWhereItIsNeeded(t *testing.T) {
	t.Parallel()
	b := setupOn(t, dbtest.Clone(t))
	ana, ben := b.People.Add("ana"), b.People.Add("ben")
	chair := b.Catalogue.Add("chair", 1, money.Of(1, "EUR"))
	kept := func() (n int) {
		require.NoError(t, b.DB.Conn(t.Context()).Raw(`SELECT count(*) FROM post_product_orders`).Scan(&n).Error)
		return n
	}
	hidden := b.pinned(ana, chair, object{"visibility": "private"})
	for range 4 {
		b.pinned(ana, chair)
	}
	require.Len(t, b.Page(ben, "/products/chair/posts?limit=50", "").Items, 4)
	require.Zero(t, kept(), "there is no next page")
	for range 3 {
		require.Len(t, b.Walk(ben, "/products/chair/posts?limit=2", func(int) {}), 4)
	}
	require.Equal(t, 1, kept(), "nothing has moved")
	require.Len(t, b.Walk(ana, "/products/chair/posts?limit=4", func(int) {}), 5)
	b.Send(ben, http.MethodPut, "/posts/"+b.pinned(ana, chair)+"/save", nil).Want(http.StatusNoContent)
	require.NotContains(t, b.Walk(ben, "/products/chair/posts?limit=1", func(int) {}), hidden)
	require.Equal(t, 2, kept())
}

func TestFault_V13_OwnDeedsDoNotCount(t *testing.T) {
	t.Parallel()
	b := setupOn(t, dbtest.Clone(t))
	vain, ana, cleo, fan := b.People.Add("vain"), b.People.Add("ana"), b.People.Add("cleo"), b.People.Add("fan")
	chair := b.Catalogue.Add("chair", 1, money.Of(1, "EUR"))
	do := func(who uuid.UUID, post string, deeds ...string) {
		for _, deed := range deeds {
			b.Send(who, http.MethodPut, "/posts/"+post+"/"+deed, nil).Want(http.StatusNoContent)
		}
	}
	sql := func(query string, args ...any) {
		t.Helper()
		require.NoError(t, b.DB.Conn(t.Context()).Exec(query, args...).Error)
	}
	liked, own := b.pinned(ana, chair), b.pinned(vain, chair)
	do(fan, liked, "like", "save")
	do(vain, own, "like", "save")
	for n := range 20 {
		comment := b.Comment(vain, own, fmt.Sprint("see ", n), nil)
		if n%2 > 0 {
			b.Send(vain, http.MethodDelete, "/comments/"+comment, nil).Want(http.StatusNoContent)
		}
	}
	deserted := b.pinned(cleo, chair) // younger, and nobody did anything
	sql(`UPDATE posts SET created_at = created_at - interval '1 minute' WHERE id IN (?, ?)`, liked, own)
	require.Equal(t, []string{liked, deserted, own}, b.Page(fan, "/explore?limit=5", "").IDs())
	require.Equal(t, []string{liked, deserted, own}, b.Page(fan, "/products/chair/posts?limit=5", "").IDs(), "nor among those with a product")
	require.Equal(t, 10.0, b.Get(fan, "/posts/"+own).JSON()["counts"].(object)["comments"], "what is counted is counted")

	do(fan, own, "like", "save")
	b.Comment(fan, own, "it is nice", nil)
	b.Publish(ana, "so that there is a new moment")
	require.Equal(t, own, b.Page(fan, "/explore?limit=5", "").IDs()[0], "what others do counts")

	// Nor do they make an older post compete.
	lonely := b.Publish(vain, "lonely")
	do(vain, lonely, "like", "save")
	sql(`UPDATE posts SET created_at = created_at - interval '2 days'`)
	require.NoError(t, b.Schedules["posts.trends"](t.Context()))
	var trends []string
	require.NoError(t, b.DB.Conn(t.Context()).Raw(`SELECT post_id FROM post_trends ORDER BY score DESC`).Scan(&trends).Error)
	require.Equal(t, []string{own, liked}, trends)
}
