package viewcount_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/platform/dbtest"
	"atrium/platform/redistest"
)

func TestViews(t *testing.T) {
	t.Parallel()
	rdb := redistest.Open(t)
	b := setupOn(t, dbtest.Clone(t), rdb)
	ana, ben, cleo := b.People.Add("ana"), b.People.Add("ben"), b.People.Add("cleo")
	post := b.Publish(ana, "look")
	open := func(people ...uuid.UUID) {
		t.Helper()
		for _, person := range people {
			b.Get(person, "/posts/"+post).Want(http.StatusOK)
		}
		require.NoError(t, b.Schedules["posts.count_views"](t.Context()))
	}
	views := func() object { return b.Get(ana, "/posts/"+post+"/stats").Want(http.StatusOK).JSON() }

	require.Equal(t, object{"views": 0.0, "likes": 0.0, "comments": 0.0, "saves": 0.0, "days": []any{}}, views())
	open(ben, ben, ana, uuid.Nil)
	b.Send(ben, http.MethodPut, "/posts/"+post+"/like", nil).Want(http.StatusNoContent)
	stats := views()
	require.Equal(t, 1.0, stats["views"], "each once, the author never, and nobody is nobody")
	require.Equal(t, 1.0, stats["likes"])
	open(cleo)
	require.Equal(t, 2.0, views()["views"])
	day := views()["days"].([]any)[0].(object)
	require.Equal(t, time.Now().UTC().Format(time.DateOnly), day["day"])

	require.NoError(t, rdb.FlushDB(t.Context()).Err())
	open(ben)
	require.Equal(t, 2.0, views()["views"], "what was written down stays, whatever Redis loses")

	b.Get(ben, "/posts/"+post+"/stats").Want(http.StatusNotFound)
	b.Send(ana, http.MethodDelete, "/posts/"+post, nil).Want(http.StatusNoContent)
	b.Get(ana, "/posts/"+post+"/stats").Want(http.StatusNotFound)
}

func TestSearchFacets(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.People.Add("ana"), b.People.Add("ben")
	b.Publish(ana, "oak table", object{"room": "living", "style": "japandi"})
	b.Publish(ana, "oak bed", object{"room": "bedroom", "style": "japandi"})
	b.Publish(ana, "oak chair", object{"room": "living", "style": "industrial"})
	b.Publish(ana, "oak floor")
	b.Publish(ana, "oak, for followers", object{"room": "living", "visibility": "followers"})
	blocked := b.People.Add("blocked")
	b.Publish(blocked, "oak again", object{"room": "living"})
	b.People.Block(blocked, ben)

	facets := func(query string) object { return b.Get(ben, "/search/posts/facets?"+query).Want(http.StatusOK).JSON() }
	facet := func(value string, count float64) object { return object{"value": value, "count": count} }
	require.Equal(t, object{
		"rooms": []any{facet("living", 2), facet("bedroom", 1)}, "styles": []any{facet("japandi", 2), facet("industrial", 1)},
		"total": 4.0, "approximate": false,
	}, facets("q=oak"))
	require.Equal(t, 2.0, facets("q=oak&room=living")["total"])
	require.Equal(t, []any{facet("industrial", 1)}, facets("q=chair&style=industrial")["styles"])
	require.Equal(t, object{"rooms": []any{}, "styles": []any{}, "total": 0.0, "approximate": false}, facets("q=granite"))
	require.Contains(t, string(b.Get(ben, "/search/posts/facets?room=attic").Want(http.StatusUnprocessableEntity).Body), "query.room")
}
