package interest_test

import (
	"bytes"
	"net/http"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestWishes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben, cleo, dora := b.People.Add("ana"), b.People.Add("ben"), b.People.Add("cleo"), b.People.Add("dora")
	lamp, chair := b.Catalogue.Add("lamp", 1), b.Catalogue.Add("chair", 1)
	pinned := func(author uuid.UUID, more object) string {
		body := object{"photos": []object{{"upload_id": b.Library.Add(author), "pins": []object{{"x": 0.5, "y": 0.5, "product_id": lamp}}}}}
		for k, v := range more {
			body[k] = v
		}
		return b.Publish(author, "a room", body)
	}
	board := func(owner uuid.UUID, kind, id string) {
		b.T.Helper()
		made := b.Send(owner, http.MethodPost, "/boards", object{"title": "Wishes"}).Want(http.StatusCreated).JSON()["id"].(string)
		b.Send(owner, http.MethodPut, "/boards/"+made+"/items/"+kind+"/"+id, nil).Want(http.StatusNoContent)
	}
	wishers := func(n int) []uuid.UUID {
		t.Helper()
		var all []uuid.UUID
		for after := uuid.Nil; ; {
			people, last, err := b.Wishes.Wishers(t.Context(), lamp, after, n)
			require.NoError(t, err)
			all = append(all, people...)
			if last == uuid.Nil {
				return all
			}
			after = last
		}
	}
	sorted := func(people ...uuid.UUID) []uuid.UUID {
		slices.SortFunc(people, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
		return people
	}

	room, hidden := pinned(ana, nil), pinned(ana, nil)
	board(ben, "product", lamp.String())
	board(ben, "product", chair.String())
	b.Send(cleo, http.MethodPut, "/posts/"+room+"/save", nil).Want(http.StatusNoContent)
	b.Send(cleo, http.MethodPut, "/posts/"+hidden+"/save", nil).Want(http.StatusNoContent)
	board(dora, "post", hidden)
	require.Equal(t, sorted(ben, cleo, dora), wishers(50), "each once")
	require.Equal(t, sorted(ben, cleo, dora), wishers(1), "and the same in small steps")
	require.NotContains(t, wishers(50), ana, "pinning is not wishing")

	version := b.Get(ana, "/posts/"+hidden).Want(http.StatusOK).Header.Get("ETag")
	b.Send(ana, http.MethodPatch, "/posts/"+hidden, object{"visibility": "private"}, "If-Match", version).Want(http.StatusOK)
	require.Equal(t, sorted(ben, cleo), wishers(1), "what one may not see any more one does not wish for")
	b.Send(ana, http.MethodDelete, "/posts/"+room, nil).Want(http.StatusNoContent)
	require.Equal(t, []uuid.UUID{ben}, wishers(50), "nor what is deleted")
}
