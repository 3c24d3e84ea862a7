package search_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/platform/apptest"
	"atrium/platform/dbtest"
)

func TestFault_S5_PricesAreComparedWithinOneCurrency(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Clone)
	in := func(amount int64, currency string) object {
		return object{"price": object{"amount": amount, "currency": currency}}
	}
	s.Variant(s.Product("Cheap in won"), 0, 1, in(3, "KRW"))
	s.Variant(s.Product("Dear in won"), 0, 1, in(90000, "KRW"))
	s.Variant(s.Product("Cheap in euro"), 0, 1, in(100, "EUR"))
	mixed := s.Product("Dear in euro")
	s.Variant(mixed, 0, 1, in(50000, "EUR"))
	s.Variant(mixed, 0, 1, in(5, "KRW"))
	s.Product("Without a price")
	list := func(query, token string) (names []string, answer object) {
		t.Helper()
		answer = s.App.Do(t, apptest.Request{Method: "GET", Path: "/v1/products?" + query, Token: token}).Want(200).JSON()
		for _, item := range answer["items"].([]any) {
			names = append(names, item.(object)["name"].(string))
		}
		return names, answer
	}
	person, dollars, silent := s.People.Add("mina"), s.People.Add("joe"), s.People.Add("ada")
	s.People.SetCurrency(person, "KRW")
	s.People.SetCurrency(dollars, "USD")
	for _, c := range []struct {
		query    string
		viewer   uuid.UUID
		currency string
		names    string
	}{
		{"sort=price_asc", uuid.Nil, "EUR", "Cheap in euro|Dear in euro|Without a price"},
		{"sort=price_desc", silent, "EUR", "Dear in euro|Cheap in euro|Without a price"},
		{"sort=price_asc", person, "KRW", "Cheap in won|Dear in won|Without a price"},
		{"sort=price_asc", dollars, "EUR", "Cheap in euro|Dear in euro|Without a price"},
		{"sort=price_asc&currency=KRW", uuid.Nil, "KRW", "Cheap in won|Dear in won"},
		{"sort=price_asc&currency=EUR", person, "EUR", "Cheap in euro|Dear in euro"},
		{"min_price=4", uuid.Nil, "EUR", "Dear in euro|Cheap in euro"},
		{"max_price=100", person, "KRW", "Cheap in won"},
		{"q=cheap&max_price=100", uuid.Nil, "EUR", "Cheap in euro"},
		{"q=cheap&currency=KRW&max_price=100", uuid.Nil, "KRW", "Cheap in won"},
		{"currency=USD", person, "USD", ""},
		{"", uuid.Nil, "EUR", "Without a price|Dear in euro|Cheap in euro|Dear in won|Cheap in won"},
		{"q=dear", person, "KRW", "Dear in euro|Dear in won"},
	} {
		token := ""
		if c.viewer != uuid.Nil {
			token = apptest.As(c.viewer)
		}
		names, answer := list(c.query, token)
		require.Equal(t, c.names, strings.Join(names, "|"), c.query)
		require.Equal(t, c.currency, answer["currency"], c.query)
	}
	_, answer := list("", "")
	facets := answer["facets"].(object)
	require.Equal(t, []any{object{"value": "EUR", "count": 2.0}, object{"value": "KRW", "count": 2.0}}, facets["currencies"])
	require.Equal(t, object{"min": 100.0, "max": 50000.0}, facets["price"], "of what is in the currency")
	require.Equal(t, 5.0, facets["total"])
	_, answer = list("", apptest.As(person))
	require.Equal(t, object{"min": 3.0, "max": 90000.0}, answer["facets"].(object)["price"])
	_, answer = list("currency=USD", "")
	require.Nil(t, answer["facets"].(object)["price"])
	for _, bad := range []string{"eur", "EURO", "%E2%82%AC"} {
		s.App.Do(t, apptest.Request{Method: "GET", Path: "/v1/products?currency=" + bad}).Want(422)
	}
	t.Run("a page goes on in its currency", func(t *testing.T) {
		first := s.List("sort=price_asc&limit=1")
		cursor := first["next_cursor"].(string)
		require.Equal(t, "Dear in euro", s.List("sort=price_asc&limit=1&cursor=" + cursor)["items"].([]any)[0].(object)["name"])
		s.App.Do(t, apptest.Request{Method: "GET", Path: "/v1/products?sort=price_asc&limit=1&currency=KRW&cursor=" + cursor}).Want(400)
	})
}
