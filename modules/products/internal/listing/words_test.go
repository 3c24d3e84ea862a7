package listing_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/modules/products/internal/listing"
	"atrium/modules/users"
	"atrium/platform/apptest"
	"atrium/platform/dbtest"
	"atrium/platform/identity"
	"atrium/platform/outbox"
	"atrium/platform/tasks/taskstest"
)

// forgotten runs what is to be forgotten.
func (s *bundle) forgotten() {
	s.TB.Helper()
	taskstest.Drain(s.TB, s.DB, s.Handlers...)
}

// knows returns how many of the words that count are like a pattern.
func (s *bundle) knows(like string) int64 {
	s.TB.Helper()
	return s.Number(`SELECT (SELECT count(*) FROM product_words WHERE word LIKE @like) * 1000 + (SELECT count(*) FROM product_slips WHERE word LIKE @like)`,
		map[string]any{"like": like})
}

func TestFault_S2_OnlyWordsOfWhatCanBeFoundCount(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Clone)
	found := []string{"Zorblat"}
	s.Product("Zorblat")
	require.Equal(t, found, s.Found("q=zorbalt"))

	path := func(p object) string { return "/v1/admin/products/" + p["id"].(string) }
	slip := s.Product("Zorbalt lamp", object{"description": "Zorblat's friend"})
	require.Equal(t, []string{"Zorbalt lamp"}, s.Found("q=zorbalt"))
	s.Do("DELETE", path(slip), nil).Want(204)
	s.forgotten()
	require.Equal(t, found, s.Found("q=zorbalt"), "deleted")
	require.Zero(t, s.knows("zorbalt"))
	require.NotZero(t, s.knows("zorblat"), "others have it still")

	slip = s.Product("Zorbalt", object{"status": "draft"})
	require.Equal(t, found, s.Found("q=zorbalt"), "a draft")
	s.Do("PATCH", path(slip), object{"status": "active"}, "If-Match", "*").Want(200)
	require.Equal(t, []string{"Zorbalt"}, s.Found("q=zorbalt"))
	require.NotZero(t, s.knows("zorbalt"))
	s.Do("PATCH", path(slip), object{"name": "Other"}, "If-Match", "*").Want(200)
	s.forgotten()
	require.Equal(t, found, s.Found("q=zorbalt"), "renamed")
	s.Do("PATCH", path(slip), object{"name": "Zorbalt"}, "If-Match", "*").Want(200)
	require.Equal(t, []string{"Zorbalt"}, s.Found("q=zorbalt"))
	s.Do("PATCH", path(slip), object{"status": "draft"}, "If-Match", "*").Want(200)
	s.forgotten()
	require.Equal(t, found, s.Found("q=zorbalt"), "a draft again")
	s.Do("DELETE", path(slip), nil).Want(204)

	t.Run("a suspended seller's do not count", func(t *testing.T) {
		shop := s.People.Add("shop")
		mine := s.Token
		s.Token = apptest.As(shop, identity.RoleSeller)
		s.Product("Zorbalt")
		s.Token = mine
		stand := func(suspended bool, event outbox.Event) {
			s.People.SetStanding(shop, users.Standing{Suspended: suspended})
			require.NoError(t, s.DB.InTx(t.Context(), func(ctx context.Context) error { return outbox.New(s.DB).Publish(ctx, event) }))
			s.forgotten()
		}
		stand(true, users.Locked{UserID: shop})
		require.Equal(t, found, s.Found("q=zorbalt"))
		stand(false, users.Returned{UserID: shop})
		require.Equal(t, []string{"Zorbalt"}, s.Found("q=zorbalt"))
		stand(true, users.Locked{UserID: shop})
	})
	t.Run("what builds before have left is forgotten by the schedule", func(t *testing.T) {
		require.NoError(t, s.DB.Conn(t.Context()).Exec(`INSERT INTO product_words (word) VALUES ('zorbalt')`).Error)
		require.Empty(t, s.Found("limit=9&q=zorbalt"))
		require.NoError(t, s.Schedules["products.forget_all_words"](t.Context()))
		require.Equal(t, found, s.Found("limit=8&q=zorbalt"))
	})
	t.Run("nothing is forgotten while somebody learns", func(t *testing.T) {
		require.NoError(t, s.DB.Conn(t.Context()).Exec(`INSERT INTO product_words (word) VALUES ('zorbalt')`).Error)
		store := listing.NewStore(s.DB)
		require.NoError(t, s.DB.InTx(t.Context(), func(ctx context.Context) error {
			require.NoError(t, store.Learn(ctx, []string{"zorbalt"}))
			require.NoError(t, s.Schedules["products.forget_all_words"](t.Context()))
			return nil
		}))
		require.NotZero(t, s.knows("zorbalt"))
		require.NoError(t, s.Schedules["products.forget_all_words"](t.Context()))
		require.Zero(t, s.knows("zorbalt"))
	})
}
