package address_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/modules/orders"
	"atrium/modules/orders/internal/moduletest"
	"atrium/platform/apptest"
)

type object = map[string]any

func TestAddresses(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	b := s.NewBuyer()
	first := b.Do("GET", "/v1/me/addresses", nil).Want(200).JSON()["items"].([]any)[0].(object)
	require.Equal(t, true, first["is_default"], "the first one is the default")
	body := moduletest.Berlin()
	body["is_default"], body["line2"] = true, "rear building"
	second := b.Do("POST", "/v1/me/addresses", body).Want(201).JSON()
	require.EqualValues(t, 1, s.Number(`SELECT count(*) FROM addresses WHERE is_default`))
	path := "/v1/me/addresses/" + second["id"].(string)
	b.Do("PATCH", path, object{"city": "Rome"}).Want(428)
	b.Do("PATCH", path, object{"city": "Rome"}, "If-Match", `"9"`).Want(412)
	b.Do("PATCH", path, object{"country": "XX"}, "If-Match", `"1"`).Want(422)
	edited := b.Do("PATCH", path, object{"city": "Rome", "line2": "", "country": "IT"}, "If-Match", `"1"`).Want(200).JSON()
	require.Equal(t, "Rome", edited["city"])
	require.NotContains(t, edited, "line2")
	o := b.Order(s.Lamp(1), 1)
	b.Do("DELETE", "/v1/me/addresses/"+b.Address, nil).Want(204)
	require.Equal(t, "Berlin", b.Do("GET", "/v1/orders/"+o.ID, nil).Want(200).JSON()["address"].(object)["city"], "an order keeps its copy")
	for _, missing := range []string{"name", "line1", "city", "postal_code", "country"} {
		bad := moduletest.Berlin()
		delete(bad, missing)
		require.Contains(t, string(b.Do("POST", "/v1/me/addresses", bad).Want(422).Body), "/body")
	}
}

// A country is one that there is, under its own code.
func TestFault_O5_CountriesThatThereAre(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t, func(c *orders.Config) { c.UntaxedCountries = []string{"XK"}; c.TaxRates["GB"] = 2000 })
	b := s.NewBuyer()
	at := func(country string) *apptest.Response {
		body := moduletest.Berlin()
		body["country"] = country
		return b.Do("POST", "/v1/me/addresses", body)
	}
	for _, gone := range []string{"DD", "SU", "FX", "UN", "YU", "CS", "AN", "TP", "ZR", "EU", "AA", "QO", "XX", "ZZ"} {
		require.Equal(t, "orders.unknown_country", at(gone).Want(422).Code(), gone)
	}
	require.Equal(t, "GB", at("UK").Want(201).JSON()["country"])
	checkout := func(address object) *apptest.Response {
		return b.Do("POST", "/v1/checkout", object{"cart_version": b.Put(s.Lamp(5), 1)["version"], "address_id": address["id"]})
	}
	require.EqualValues(t, 833, checkout(at("UK").JSON()).Want(201).JSON()["tax"].(object)["amount"], "5000 * 20 / 120")
	require.EqualValues(t, 0, checkout(at("XK").Want(201).JSON()).Want(201).JSON()["tax"].(object)["amount"], "as configured")
	require.Equal(t, "orders.no_tax_rate", checkout(at("NO").Want(201).JSON()).Want(422).Code(), "never untaxed by omission")

	old := at("GB").JSON()
	s.Exec(`UPDATE addresses SET country = 'UK' WHERE id = ?`, old["id"])
	require.Equal(t, "GB", checkout(old).Want(201).JSON()["address"].(object)["country"])
	s.Exec(`UPDATE addresses SET country = 'SU' WHERE id = ?`, old["id"])
	require.Equal(t, "orders.unknown_country", checkout(old).Want(422).Code())
}

func TestFault_H8_AnAddressIsReadWhereLocationSays(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	b, thief := s.NewBuyer(), s.NewBuyer()
	made := b.Do("POST", "/v1/me/addresses", moduletest.Berlin()).Want(201)
	at := made.Header.Get("Location")
	read := b.Do("GET", at, nil).Want(200)
	require.Equal(t, made.JSON(), read.JSON())
	require.Equal(t, made.Header.Get("ETag"), read.Header.Get("ETag"))
	thief.Do("GET", at, nil).Want(404)
	b.Do("GET", "/v1/me/addresses/1", nil).Want(404)
}

func TestFault_H7_AnEditOfAnAddressThatChangesNothingKeepsItsVersion(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	b := s.NewBuyer()
	body := moduletest.Berlin()
	body["line2"] = "rear building"
	made := b.Do("POST", "/v1/me/addresses", body).Want(201)
	edit := func(body object) *apptest.Response {
		return b.Do("PATCH", "/v1/me/addresses/"+made.JSON()["id"].(string), body, "If-Match", made.Header.Get("ETag")).Want(200)
	}
	for _, same := range []object{{}, {"city": body["city"], "line2": " rear building "}, {"is_default": false}, {"phone": "", "country": body["country"]}} {
		answer := edit(same)
		require.Equal(t, made.JSON(), answer.JSON(), same)
		require.Equal(t, made.Header.Get("ETag"), answer.Header.Get("ETag"))
	}
	require.EqualValues(t, 2, edit(object{"line2": ""}).JSON()["version"])
}
