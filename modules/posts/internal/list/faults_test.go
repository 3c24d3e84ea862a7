package list_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/platform/dbtest"
	"atrium/platform/money"
)

func TestFault_V14_WhatCannotBeReadIsLeftOutAndThePageRefilled(t *testing.T) {
	t.Parallel()
	b := setupOn(t, dbtest.Clone(t))
	ana, ben := b.People.Add("ana"), b.People.Add("ben")
	b.People.Follow(ben, ana)
	chair := b.Catalogue.Add("chair", 1, money.Of(1, "EUR"))
	began := time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)
	var lost, kept []string
	var gone []uuid.UUID
	for n := range 4 {
		photo := b.Library.Add(ana)
		id := b.Publish(ana, "#sight", object{"photos": []object{{"upload_id": photo, "pins": []object{{"x": 0.5, "y": 0.5, "product_id": chair}}}}})
		b.Send(ben, http.MethodPut, "/posts/"+id+"/save", nil).Want(http.StatusNoContent)
		if n%3 == 2 {
			kept = append([]string{id}, kept...)
		} else {
			lost, gone = append(lost, id), append(gone, photo)
		}
	}
	half := b.Library.Add(ana)
	partly := b.Publish(ana, "#sight", object{"photos": []object{{"upload_id": half}, {"upload_id": b.Library.Add(ana)}}})
	require.NoError(t, b.Library.Release(t.Context(), append(gone, half)))

	for _, viewer := range []uuid.UUID{ben, ana} {
		for _, path := range []string{"/feed", "/users/ana/posts", "/tags/sight/posts", "/search/posts?q=sight", "/explore", "/products/chair/posts", "/me/saves"} {
			want := append([]string{partly}, kept...)
			switch {
			case path == "/products/chair/posts":
				want = kept
			case path == "/me/saves" && viewer == ben:
				want = kept
			case path == "/me/saves":
				continue
			}
			separator := "?"
			if path == "/search/posts?q=sight" {
				separator = "&"
			}
			require.Len(t, b.Page(viewer, path+separator+"limit=1", "").Items, 1, "%s: a page is short only at the end", path)
			require.ElementsMatch(t, want, b.Walk(viewer, path+separator+"limit=1", func(int) {}), path)
		}
	}
	require.Len(t, b.Get(ben, "/posts/"+partly).Want(http.StatusOK).JSON()["photos"], 1, "what can be read is")
	require.Equal(t, 2.0, b.Get(ben, "/feed/new-count?since="+began).Want(http.StatusOK).JSON()["count"])
	b.Get(ben, "/posts/"+lost[0]).Want(http.StatusNotFound)
	require.Empty(t, b.Get(ana, "/posts/"+lost[0]).Want(http.StatusOK).JSON()["photos"], "its author can mend it")
	b.Edit(ana, lost[0], object{"photos": []object{{"upload_id": b.Library.Add(ana)}}})
	b.Get(ben, "/posts/"+lost[0]).Want(http.StatusOK)

	off := &bundle{b.WithoutUploads()}
	items := off.Page(ben, "/users/ana/posts?limit=50", "").Items
	require.Len(t, items, 5, "where uploads is off, posts stay")
	for _, item := range items {
		require.Empty(t, item["photos"])
	}
	off.Get(ben, "/posts/"+lost[1]).Want(http.StatusOK)
}
