package seller_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/products"
	"atrium/modules/products/internal/seller"
	"atrium/modules/users"
	"atrium/platform/apptest"
	"atrium/platform/dbtest"
	"atrium/platform/identity"
	"atrium/platform/outbox"
	"atrium/platform/tasks/taskstest"
)

// stand makes the seller stand as said, and has the module hear of it.
func (s *bundle) stand(id uuid.UUID, suspended bool, event outbox.Event) {
	s.TB.Helper()
	s.People.SetStanding(id, users.Standing{Suspended: suspended})
	s.happen(event)
}

func (s *bundle) happen(event outbox.Event) {
	s.TB.Helper()
	require.NoError(s.TB, s.DB.InTx(s.TB.Context(), func(ctx context.Context) error { return outbox.New(s.DB).Publish(ctx, event) }))
	taskstest.Drain(s.TB, s.DB, s.Handlers...)
}

func TestFault_O13_WhatASuspendedSellerOffersIsGone(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Clone)
	honest := s.Product("Honest lamp")
	other := s.Variant(honest, 100, 5)
	shop, viewer := s.People.Add("shop"), uuid.New()
	s.Token = apptest.As(shop, identity.RoleSeller)
	lamp := s.Product("Shady lamp", object{"brand": "Shade"})
	variant, id := s.Variant(lamp, 100, 5), uuid.MustParse(lamp["id"].(string))
	get := func(path, token string) *apptest.Response {
		return s.App.Do(t, apptest.Request{Method: "GET", Path: path, Token: token})
	}
	get("/v1/products/"+id.String(), apptest.As(viewer)).Want(200) // remembers it as viewed
	suggestions := func() int {
		return len(get("/v1/search/suggest?q=shad", "").Want(200).JSON()["items"].([]any))
	}
	offered := func(want bool) {
		t.Helper()
		refs, err := s.Catalogue.Refs(t.Context(), []uuid.UUID{id})
		require.NoError(t, err)
		require.Equal(t, want, len(refs) == 1)
		offers, err := s.Catalogue.Offers(t.Context(), []uuid.UUID{variant, other})
		require.NoError(t, err)
		require.Equal(t, []bool{want, true}, []bool{offers[variant].OnSale, offers[other].OnSale}, "carts show a problem")
		variants, err := s.Catalogue.Variants(t.Context(), []uuid.UUID{id})
		require.NoError(t, err)
		require.Equal(t, want, len(variants[id]) == 1)
		_, err = s.Catalogue.Resolve(t.Context(), id.String())
		require.Equal(t, want, err == nil)
		status, names, viewed := 404, []string{"Honest lamp"}, 0
		if want {
			status, names, viewed = 200, []string{"Shady lamp", "Honest lamp"}, 1
		}
		get("/v1/products/"+id.String(), apptest.As(viewer)).Want(status)
		get("/v1/products/"+id.String(), apptest.As(viewer, identity.RoleAdmin)).Want(200)
		require.Equal(t, names, s.Found("q=lamp"))
		require.Equal(t, names, s.Found(""))
		require.EqualValues(t, len(names), s.List("sort=newest&limit=9")["facets"].(object)["total"])
		require.Len(t, get("/v1/me/recently-viewed", apptest.As(viewer)).Want(200).JSON()["items"], viewed)
		require.Equal(t, 2*viewed, suggestions(), "the brand and the product")
	}
	offered(true)
	s.stand(shop, true, users.Locked{UserID: shop, Reason: "suspended"})
	offered(false)
	alternatives, err := s.Catalogue.Alternatives(t.Context(), []uuid.UUID{uuid.MustParse(honest["id"].(string))}, 5)
	require.NoError(t, err)
	require.Empty(t, alternatives)

	t.Run("what is moved meanwhile stays gone", func(t *testing.T) {
		require.NoError(t, s.DB.InTx(t.Context(), func(ctx context.Context) error {
			return s.Stock.Reserve(ctx, uuid.New(), []products.Line{{VariantID: variant, Quantity: 5}})
		}))
		offered(false)
	})
	s.stand(shop, false, users.Returned{UserID: shop})
	offered(true)

	t.Run("events that arrive out of order end where the seller stands", func(t *testing.T) {
		s.stand(shop, false, users.Locked{UserID: shop, Reason: "suspended"})
		offered(true)
	})
	t.Run("who was suspended before anybody listened is found by the schedule", func(t *testing.T) {
		s.People.SetStanding(shop, users.Standing{Suspended: true})
		for range 2 {
			require.NoError(t, s.Schedules["products.sellers"](t.Context()))
		}
		taskstest.Drain(t, s.DB, s.Handlers...)
		offered(false)
		require.Len(t, taskstest.Tasks[seller.Relist](t, s.DB), 6, "two for each change: the work, and the end")
	})
	t.Run("who is gone for good stays as they were", func(t *testing.T) {
		s.stand(shop, false, users.Deleted{UserID: shop})
		s.People.SetStanding(shop, users.Standing{Deleted: true})
		require.NoError(t, s.Schedules["products.sellers"](t.Context()))
		offered(false)
	})
	t.Run("and who sells nothing costs nothing", func(t *testing.T) {
		s.stand(viewer, true, users.Locked{UserID: viewer, Reason: "suspended"})
		require.Zero(t, s.Number(`SELECT count(*) FROM product_sellers WHERE seller_id = ?`, viewer))
	})
}
