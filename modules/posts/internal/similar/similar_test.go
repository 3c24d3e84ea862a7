package similar_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/posts/internal/moduletest"
	"atrium/modules/uploads"
	"atrium/platform/money"
)

func TestSimilar_RoomsOfTheSameColoursTagsProductsAndStyleLeadAndSayWhy(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, me := b.People.Add("ana"), b.People.Add("me")
	lamp := b.Catalogue.Add("lamp", 1, money.Of(1, "EUR"))
	room := func(caption string, tones []uploads.Tone, more object) string {
		photo := object{"upload_id": b.Library.AddColored(ana, tones...)}
		if more["pinned"] == true {
			photo["pins"] = []object{{"x": 0, "y": 0, "product_id": lamp}}
		}
		delete(more, "pinned")
		id := b.Painted(ana, nil, more, object{"caption": caption, "photos": []object{photo}})
		return id
	}
	warm, cold := []uploads.Tone{moduletest.Share(moduletest.Sand, 0.7), moduletest.Share(moduletest.Brick, 0.3)}, []uploads.Tone{moduletest.Share(moduletest.Slate, 1)}
	this := room("#oak #linen", warm, object{"style": "japandi", "room": "living", "pinned": true})
	twin := room("#oak #linen", warm, object{"style": "japandi", "room": "living", "pinned": true})
	colors := room("no words", warm, object{})
	tagged := room("#oak", cold, object{})
	pinned := room("here", cold, object{"pinned": true})
	styled := room("there", cold, object{"style": "japandi", "room": "living"})
	room("nothing in common", cold, object{})
	room("#oak #linen", warm, object{"visibility": "followers"})

	path := "/posts/" + this + "/similar?limit=2"
	want := []string{twin, colors}
	found := b.Walk(me, path, func(int) {})
	require.Equal(t, want, found[:2])
	require.ElementsMatch(t, []string{twin, colors, tagged, pinned, styled}, found)
	require.Equal(t, found, b.Walk(uuid.Nil, path, func(int) {}), "whoever asks")
	require.Equal(t, found, b.another().Walk(me, path, func(int) {}), "and wherever")

	why := b.Page(me, path, "").Items[0]["similarity"].(object)
	require.Equal(t, object{"score": 1.0, "palette": 1.0, "tags": []any{"oak", "linen"}, "products": []any{lamp.String()}, "style": true, "room": true}, why)
	why = b.Page(me, path, "").Items[1]["similarity"].(object)
	require.Equal(t, object{"score": 0.5, "palette": 1.0, "tags": []any{}, "products": []any{}, "style": false, "room": false}, why)

	b.Send(ana, http.MethodDelete, "/posts/"+twin, nil).Want(http.StatusNoContent)
	require.NotContains(t, b.Walk(me, path, func(int) {}), twin, "at once")
	b.People.Mute(me, ana)
	require.Empty(t, b.Walk(me, path, func(int) {}))
	b.People.Block(ana, me)
	b.Get(me, path).Want(http.StatusNotFound)
}

func TestProductPosts_ThoseThatMostPeopleSavedLead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.People.Add("ana"), b.People.Add("ben")
	chair := b.Catalogue.Add("chair", 1, money.Of(1, "EUR"))
	var ids []string
	for n := range 5 {
		author := ana
		if n == 4 {
			author = ben
		}
		ids = append(ids, b.Publish(author, fmt.Sprint(n), object{"photos": []object{{"upload_id": b.Library.Add(author), "pins": []object{{"x": 0, "y": 0, "product_id": chair}}}}}))
	}
	for n, saves := range []int{1, 3, 0, 3, 2} {
		for k := range saves {
			b.Send(b.People.Add(fmt.Sprintf("s%d-%d", n, k)), http.MethodPut, "/posts/"+ids[n]+"/save", nil).Want(http.StatusNoContent)
		}
	}
	require.Equal(t, []string{ids[3], ids[1], ids[4], ids[0], ids[2]}, b.Walk(uuid.Nil, "/products/chair/posts?limit=2", func(int) {}))
	me := b.People.Add("me")
	b.People.Block(ben, me)
	require.Equal(t, []string{ids[3], ids[1], ids[0], ids[2]}, b.Walk(me, "/products/chair/posts?limit=2", func(int) {}))
}
