package internal_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/products"
	"atrium/platform/fault"
)

func TestStock_TheLastPieceGoesOnce(t *testing.T) {
	t.Parallel()
	s := clone(t)
	product := s.product("Lamp")
	a, b := s.variant(product, 100, 1), s.variant(product, 100, 1000)
	var won, short atomic.Int64
	var all sync.WaitGroup
	for i := range 50 {
		lines := []products.Line{{VariantID: a, Quantity: 1}, {VariantID: b, Quantity: 1}}
		if i%2 == 0 { // the order in which lines are given does not matter
			lines[0], lines[1] = lines[1], lines[0]
		}
		all.Go(func() {
			err := s.db.InTx(t.Context(), func(ctx context.Context) error { return s.stock.Reserve(ctx, uuid.New(), lines) })
			if err == nil {
				won.Add(1)
			} else if errors.Is(err, products.ErrInsufficientStock) {
				short.Add(1)
			} else {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, won.Load())
	require.EqualValues(t, 49, short.Load())
	require.EqualValues(t, 1, s.number(`SELECT reserved FROM product_variants WHERE id = ?`, b), "what a loser had reserved is free again")
}

func TestStock_Movements(t *testing.T) {
	t.Parallel()
	s := clone(t)
	product := s.product("Lamp")
	a, b := s.variant(product, 100, 5), s.variant(product, 100, 5)
	order := uuid.New()
	move := func(step func(context.Context, uuid.UUID, []products.Line) error, lines ...products.Line) error {
		return s.db.InTx(t.Context(), func(ctx context.Context) error { return step(ctx, order, lines) })
	}
	twice := []products.Line{{VariantID: a, Quantity: 2}, {VariantID: b, Quantity: 1}, {VariantID: a, Quantity: 4}}
	err := move(s.stock.Reserve, twice...)
	require.ErrorIs(t, err, products.ErrInsufficientStock, "demand is summed")
	var f *fault.Error
	require.ErrorAs(t, err, &f)
	require.Len(t, f.Details["shortages"], 1)
	require.Zero(t, s.number(`SELECT sum(reserved) FROM product_variants`))

	twice[2].Quantity = 1
	require.NoError(t, move(s.stock.Reserve, twice...))
	require.NoError(t, move(s.stock.Release, products.Line{VariantID: a, Quantity: 1}))
	require.NoError(t, move(s.stock.Sell, products.Line{VariantID: a, Quantity: 2}, products.Line{VariantID: b, Quantity: 1}))
	require.NoError(t, move(s.stock.Restock, products.Line{VariantID: a, Quantity: 1}))
	offers, err := s.catalogue.Offers(t.Context(), []uuid.UUID{a, b})
	require.NoError(t, err)
	require.EqualValues(t, 4, offers[a].Available)
	require.EqualValues(t, 4, offers[b].Available)
	require.Error(t, move(s.stock.Release, products.Line{VariantID: a, Quantity: 1}), "nothing is reserved any more")
	require.Error(t, move(s.stock.Sell, products.Line{VariantID: a, Quantity: 1}))

	require.Zero(t, s.number(`SELECT count(*) FROM product_variants v WHERE (on_hand, reserved) IS DISTINCT FROM
		(SELECT (sum(on_hand_delta)::bigint, sum(reserved_delta)::bigint) FROM stock_movements m WHERE m.variant_id = v.id)`), "the ledger is the level")
}
