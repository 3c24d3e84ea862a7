package interest_test

import (
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestTaste_WhoShowsWhatOneLikes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	me, ana, ben, eve := b.People.Add("me"), b.People.Add("ana"), b.People.Add("ben"), b.People.Add("eve")
	b.Publish(ana, "one", object{"style": "japandi"})
	b.Publish(ana, "two", object{"style": "japandi"})
	b.Publish(ana, "for few", object{"style": "japandi", "visibility": "followers"})
	b.Publish(ben, "#loft")
	b.Publish(eve, "neither")
	alike := func() map[uuid.UUID]int64 {
		found, err := b.Tastes.Alike(t.Context(), me, 10)
		require.NoError(t, err)
		return found
	}
	require.Empty(t, alike(), "who likes nothing has no taste")
	liked := b.Publish(eve, "mine too", object{"style": "japandi"})
	b.Send(me, http.MethodPut, "/posts/"+liked+"/like", nil).Want(http.StatusNoContent)
	require.Equal(t, map[uuid.UUID]int64{ana: 2, eve: 1}, alike())
	b.Send(me, http.MethodPut, "/tags/loft/follow", nil).Want(http.StatusNoContent)
	require.Equal(t, map[uuid.UUID]int64{ana: 2, eve: 1, ben: 1}, alike())
}
