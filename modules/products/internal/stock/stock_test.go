package stock_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/products"
	"atrium/platform/apptest"
	"atrium/platform/dbtest"
	"atrium/platform/fault"
	"atrium/platform/stacktest"
	"atrium/platform/tasks/taskstest"
)

func TestStock_TheLastPieceGoesOnce(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Clone)
	product := s.Product("Lamp")
	a, b := s.Variant(product, 100, 1), s.Variant(product, 100, 1000)
	var won, short atomic.Int64
	var all sync.WaitGroup
	for i := range 50 {
		lines := []products.Line{{VariantID: a, Quantity: 1}, {VariantID: b, Quantity: 1}}
		if i%2 == 0 { // the order in which lines are given does not matter
			lines[0], lines[1] = lines[1], lines[0]
		}
		all.Go(func() {
			err := s.DB.InTx(t.Context(), func(ctx context.Context) error { return s.Stock.Reserve(ctx, uuid.New(), lines) })
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
	require.EqualValues(t, 1, s.Number(`SELECT reserved FROM product_variants WHERE id = ?`, b), "what a loser had reserved is free again")
}

// A crash between the commit and the answer leaves the record of the request without an answer, and its lease runs out.
func TestStock_IsCountedOnceThoughTheAnswerWasLost(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Clone)
	s.App = apptest.NewOn(t, s.DB, s.Routes...)
	variant := s.Variant(s.Product("Lamp"), 100, 0)
	path := "/v1/admin/variants/" + variant.String() + "/stock"
	delivery := func() *apptest.Response {
		return s.Do("POST", path, object{"delta": 5, "reason": "delivery"}, "Idempotency-Key", "parcel-1")
	}
	first := delivery().Want(200).JSON()
	crash := func(lease string) {
		done := s.DB.Conn(t.Context()).Exec(`UPDATE idempotency_records SET status = NULL, headers = NULL, body = NULL,
			lease_until = now() + ?::interval WHERE key = 'parcel-1'`, lease)
		require.NoError(t, done.Error)
		require.EqualValues(t, 1, done.RowsAffected)
	}
	crash("1 minute")
	require.Equal(t, "idempotency.in_progress", delivery().Want(409).Code(), "it may still be running")
	crash("0")
	again := delivery().Want(200)
	require.Equal(t, first, again.JSON())
	require.Empty(t, again.Header.Get("Idempotent-Replayed"), "it ran, and found its work done")
	require.Equal(t, "true", delivery().Want(200).Header.Get("Idempotent-Replayed"))
	require.EqualValues(t, 5, s.Number(`SELECT on_hand FROM product_variants WHERE id = ?`, variant))
	require.EqualValues(t, 1, s.Number(`SELECT count(*) FROM stock_movements WHERE variant_id = ?`, variant))
	s.Do("POST", path, object{"delta": 5, "reason": "delivery"}, "Idempotency-Key", "parcel-2").Want(200)
	require.EqualValues(t, 10, s.Number(`SELECT on_hand FROM product_variants WHERE id = ?`, variant))
}

// Everybody moves stock of two products at once: the ledger stays the level, and the listing says what is in stock.
func TestStock_Storm(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Clone)
	var variants []uuid.UUID
	for _, name := range []string{"Lamp", "Chair"} {
		product := s.Product(name)
		variants = append(variants, s.Variant(product, 100, 3), s.Variant(product, 200, 2))
	}
	var all sync.WaitGroup
	for i := range stacktest.Budget(6, 24) {
		all.Go(func() {
			dice := rand.New(rand.NewPCG(uint64(i), 7))
			for range stacktest.Budget(12, 200) {
				lines := []products.Line{{VariantID: variants[dice.IntN(4)], Quantity: 1 + dice.Int64N(2)}, {VariantID: variants[dice.IntN(4)], Quantity: 1}}
				order := uuid.New()
				err := s.DB.InTx(t.Context(), func(ctx context.Context) error { return s.Stock.Reserve(ctx, order, lines) })
				if errors.Is(err, products.ErrInsufficientStock) {
					s.Do("POST", "/v1/admin/variants/"+lines[0].VariantID.String()+"/stock", object{"delta": 1 + dice.IntN(2), "reason": "delivery"}).Want(200)
					continue
				}
				require.NoError(t, err)
				next := []func(context.Context, uuid.UUID, []products.Line) error{s.Stock.Release, s.Stock.Sell}[dice.IntN(2)]
				require.NoError(t, s.DB.InTx(t.Context(), func(ctx context.Context) error { return next(ctx, order, lines) }))
			}
		})
	}
	all.Wait()
	require.Zero(t, s.Number(`SELECT count(*) FROM product_variants v WHERE (on_hand, reserved) IS DISTINCT FROM
		(SELECT (sum(on_hand_delta)::bigint, sum(reserved_delta)::bigint) FROM stock_movements m WHERE m.variant_id = v.id)`), "the ledger is the level")
	require.Zero(t, s.Number(`SELECT count(*) FROM product_listings l WHERE in_stock IS DISTINCT FROM
		EXISTS (SELECT 1 FROM product_variants v WHERE v.product_id = l.product_id AND v.on_hand > v.reserved)`), "the listing says what is in stock")
}

func TestStock_BackInStockIsTold(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Clone)
	lamp := s.Product("Lamp")
	variant := s.Variant(lamp, 100, 1)
	before := len(taskstest.Events[products.BackInStock](t, s.DB))
	line := []products.Line{{VariantID: variant, Quantity: 1}}
	order := uuid.New()
	require.NoError(t, s.DB.InTx(t.Context(), func(ctx context.Context) error { return s.Stock.Reserve(ctx, order, line) }))
	require.Empty(t, s.Found("in_stock=true"))
	require.Len(t, taskstest.Events[products.BackInStock](t, s.DB), before)
	require.NoError(t, s.DB.InTx(t.Context(), func(ctx context.Context) error { return s.Stock.Release(ctx, order, line) }))
	require.Len(t, taskstest.Events[products.BackInStock](t, s.DB), before+1)
}

func TestStock_Movements(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Clone)
	product := s.Product("Lamp")
	a, b := s.Variant(product, 100, 5), s.Variant(product, 100, 5)
	order := uuid.New()
	move := func(step func(context.Context, uuid.UUID, []products.Line) error, lines ...products.Line) error {
		return s.DB.InTx(t.Context(), func(ctx context.Context) error { return step(ctx, order, lines) })
	}
	twice := []products.Line{{VariantID: a, Quantity: 2}, {VariantID: b, Quantity: 1}, {VariantID: a, Quantity: 4}}
	err := move(s.Stock.Reserve, twice...)
	require.ErrorIs(t, err, products.ErrInsufficientStock, "demand is summed")
	var f *fault.Error
	require.ErrorAs(t, err, &f)
	require.Len(t, f.Details["shortages"], 1)
	require.Zero(t, s.Number(`SELECT sum(reserved) FROM product_variants`))

	twice[2].Quantity = 1
	require.NoError(t, move(s.Stock.Reserve, twice...))
	require.NoError(t, move(s.Stock.Release, products.Line{VariantID: a, Quantity: 1}))
	require.NoError(t, move(s.Stock.Sell, products.Line{VariantID: a, Quantity: 2}, products.Line{VariantID: b, Quantity: 1}))
	require.NoError(t, move(s.Stock.Restock, products.Line{VariantID: a, Quantity: 1}))
	offers, err := s.Catalogue.Offers(t.Context(), []uuid.UUID{a, b})
	require.NoError(t, err)
	require.EqualValues(t, 4, offers[a].Available)
	require.EqualValues(t, 4, offers[b].Available)
	require.Error(t, move(s.Stock.Release, products.Line{VariantID: a, Quantity: 1}), "nothing is reserved any more")
	require.Error(t, move(s.Stock.Sell, products.Line{VariantID: a, Quantity: 1}))

	require.Zero(t, s.Number(`SELECT count(*) FROM product_variants v WHERE (on_hand, reserved) IS DISTINCT FROM
		(SELECT (sum(on_hand_delta)::bigint, sum(reserved_delta)::bigint) FROM stock_movements m WHERE m.variant_id = v.id)`), "the ledger is the level")
}
