package catalogue_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/platform/dbtest"
)

func TestAlternatives(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Tx)
	id := func(p object) uuid.UUID { return uuid.MustParse(p["id"].(string)) }
	make := func(name string, price int64, stock int, more ...object) uuid.UUID {
		p := s.Product(name, more...)
		s.Variant(p, price, stock)
		return id(p)
	}
	gone := s.Product("Brass arc lamp")
	s.Variant(gone, 10000, 0)
	make("Paper lantern", 10000, 5)
	make("Arc lamp in brass, small", 15000, 5)
	make("Brass arc lamp, sold out", 10000, 0)
	make("Brass arc lamp, a draft", 10000, 5, object{"status": "draft"})
	make("Brass arc lamp, but a chair", 10000, 5, object{"category": "seating"})
	make("Floor lamp", 9000, 5)
	alone := make("Something", 100, 0, object{"category": "outdoor"})

	names := func(of uuid.UUID, n int) []string {
		t.Helper()
		found, err := s.Catalogue.Alternatives(t.Context(), []uuid.UUID{of, alone}, n)
		require.NoError(t, err)
		require.Empty(t, found[alone])
		var names []string
		for _, ref := range found[of] {
			names = append(names, ref.Name)
		}
		return names
	}
	want := []string{"Arc lamp in brass, small", "Floor lamp", "Paper lantern"}
	require.Equal(t, want, names(id(gone), 9), "of its category, to be bought now, alike by name before alike by price")
	require.Equal(t, want[:1], names(id(gone), 1))

	s.Do("DELETE", "/v1/admin/products/"+gone["id"].(string), nil).Want(204)
	require.Equal(t, want[:2], names(id(gone), 2), "it may be deleted itself")
}
