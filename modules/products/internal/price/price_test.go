package price_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/products"
	"atrium/modules/products/internal/moduletest"
	"atrium/platform/apptest"
	"atrium/platform/dbtest"
	"atrium/platform/money"
	"atrium/platform/tasks/taskstest"
)

// seen is the first variant of a product as everybody sees it.
func (s *bundle) seen(product object) object {
	s.TB.Helper()
	path := "/v1/products/" + product["id"].(string)
	return s.App.Do(s.TB, apptest.Request{Method: "GET", Path: path}).Want(200).JSON()["variants"].([]any)[0].(object)
}

func amountOf(v any) int64 { return int64(v.(object)["amount"].(float64)) }

func TestPrices_ASaleFollowsTheDatabasesClock(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Clone)
	lamp := s.Product("Lamp")
	var now time.Time
	require.NoError(t, s.DB.Conn(t.Context()).Raw(`SELECT now()`).Scan(&now).Error)
	id := s.Variant(lamp, 10000, 3, object{"sale": object{"price": moduletest.EUR(8000), "starts_at": now.Add(700 * time.Millisecond), "ends_at": now.Add(1600 * time.Millisecond)}})
	asked := func() int64 {
		offers, err := s.Catalogue.Offers(t.Context(), []uuid.UUID{id})
		require.NoError(t, err)
		s.Reprice()
		return offers[id].Price.Amount
	}
	require.EqualValues(t, 10000, asked())
	require.Nil(t, s.seen(lamp)["sale"], "what is to come is the seller's to know")
	require.Empty(t, s.Found("max_price=9000"))

	require.Eventually(t, func() bool { return asked() == 8000 }, 10*time.Second, 20*time.Millisecond, "it begins")
	s.Reprice()
	seen := s.seen(lamp)
	require.EqualValues(t, 8000, amountOf(seen["price"]))
	require.EqualValues(t, 10000, amountOf(seen["compare_at_price"]))
	require.EqualValues(t, 10000, amountOf(seen["lowest_price_30d"]))
	require.EqualValues(t, 8000, amountOf(seen["sale"].(object)["price"]))

	require.Eventually(t, func() bool { return asked() == 10000 }, 10*time.Second, 20*time.Millisecond, "it ends")
	s.Reprice()
	require.Empty(t, s.Found("max_price=9000"))
	require.EqualValues(t, 8000, amountOf(s.seen(lamp)["lowest_price_30d"]))
	require.Equal(t, []products.Repriced{
		{ProductID: uuid.MustParse(lamp["id"].(string)), Was: money.Of(10000, "EUR"), Now: money.Of(8000, "EUR")},
		{ProductID: uuid.MustParse(lamp["id"].(string)), Was: money.Of(8000, "EUR"), Now: money.Of(10000, "EUR")},
	}, taskstest.Events[products.Repriced](t, s.DB), "each change once")
	require.EqualValues(t, 3, s.Number(`SELECT count(*) FROM price_history`))
	require.EqualValues(t, 0, s.Number(`SELECT count(*) FROM product_variants WHERE price_edge IS NOT NULL`))
}

func TestPrices_TheLowestOf30Days(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Tx)
	lamp := s.Product("Lamp")
	id := s.Variant(lamp, 10000, 3)
	require.Nil(t, s.seen(lamp)["lowest_price_30d"])
	past := func(amount int64, days int) {
		require.NoError(t, s.DB.Conn(t.Context()).Exec(`INSERT INTO price_history (id, variant_id, amount, currency, changed_at)
			VALUES (gen_random_uuid(), ?, ?, 'EUR', now() - make_interval(days => ?))`, id, amount, days).Error)
	}
	past(5000, 90) // cheaper, but long ago: what followed was in force when the 30 days began
	past(9000, 40)
	require.EqualValues(t, 9000, amountOf(s.seen(lamp)["lowest_price_30d"]))
	past(8500, 10)
	require.EqualValues(t, 8500, amountOf(s.seen(lamp)["lowest_price_30d"]))
	require.EqualValues(t, 10000, amountOf(s.seen(lamp)["price"]))
}

func TestPrices_ASaleThatRunsCanBeEnded(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Tx)
	lamp := s.Product("Lamp")
	path := "/v1/admin/variants/" + s.Variant(lamp, 10000, 1).String()
	sold := s.Do("PATCH", path, object{"sale": object{"price": moduletest.EUR(7000)}}, "If-Match", "*").Want(200).JSON()
	require.EqualValues(t, 7000, amountOf(sold["price"]))
	require.Equal(t, []string{"Lamp"}, s.Found("max_price=7000"))
	require.EqualValues(t, 7000, amountOf(s.List("")["items"].([]any)[0].(object)["variants"].([]any)[0].(object)["price"]))
	s.Do("PATCH", path, object{"price": moduletest.EUR(6000)}, "If-Match", "*").Want(422)
	s.Do("PATCH", path, object{"price": object{"amount": 9000, "currency": "KRW"}}, "If-Match", "*").Want(422)
	require.EqualValues(t, 10000, amountOf(s.Do("PATCH", path, object{"sale": nil}, "If-Match", "*").Want(200).JSON()["price"]))
	require.Empty(t, s.Found("max_price=7000"))
}

func TestPrices_InAnyCurrency(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Tx)
	for currency, amount := range map[string]int64{"KRW": 129000, "EUR": 129900, "KWD": 129900} {
		made := s.Product("Lamp " + currency)
		s.Variant(made, 1, 0, object{"price": object{"amount": amount, "currency": currency}})
		require.Equal(t, object{"amount": float64(amount), "currency": currency}, s.seen(made)["price"])
	}
}
