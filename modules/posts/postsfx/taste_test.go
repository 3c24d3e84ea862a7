package postsfx

import (
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestTaste_WhoShowsWhatOneLikes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	me, ana, ben, eve := b.people.Add("me"), b.people.Add("ana"), b.people.Add("ben"), b.people.Add("eve")
	b.post(ana, "one", object{"style": "japandi"})
	b.post(ana, "two", object{"style": "japandi"})
	b.post(ana, "for few", object{"style": "japandi", "visibility": "followers"})
	b.post(ben, "#loft")
	b.post(eve, "neither")
	alike := func() map[uuid.UUID]int64 {
		found, err := b.tastes.Alike(t.Context(), me, 10)
		require.NoError(t, err)
		return found
	}
	require.Empty(t, alike(), "who likes nothing has no taste")
	liked := b.post(eve, "mine too", object{"style": "japandi"})
	b.do(me, http.MethodPut, "/posts/"+liked+"/like", nil).Want(http.StatusNoContent)
	require.Equal(t, map[uuid.UUID]int64{ana: 2, eve: 1}, alike())
	b.do(me, http.MethodPut, "/tags/loft/follow", nil).Want(http.StatusNoContent)
	require.Equal(t, map[uuid.UUID]int64{ana: 2, eve: 1, ben: 1}, alike())
}
