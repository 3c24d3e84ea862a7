package catalogue_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/platform/apptest"
	"atrium/platform/dbtest"
	"atrium/platform/identity"
)

// nothing are texts that show nothing.
var nothing = []string{"\u200b", "\u2800", "\u3164", "\u00ad", "  ", "\u202e\u2066", "\u0007"}

func TestFault_T10_WhatShowsNothingIsNoName(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Clone)
	lamp := s.Product("Lamp")
	variant := s.Variant(lamp, 100, 1).String()
	admin := apptest.As(s.Seller, identity.RoleAdmin)
	for _, empty := range nothing {
		for _, c := range []struct {
			method, path, pointer string
			body                  object
		}{
			{"POST", "/v1/admin/products", "/body/name", object{"name": empty, "category": "decor"}},
			{"PATCH", "/v1/admin/products/" + lamp["id"].(string), "/body/name", object{"name": empty}},
			{"POST", "/v1/admin/products/" + lamp["id"].(string) + "/variants", "/body/sku", object{"sku": empty, "price": object{"amount": 1, "currency": "EUR"}}},
			{"PATCH", "/v1/admin/variants/" + variant, "/body/sku", object{"sku": empty}},
			{"PATCH", "/v1/admin/variants/" + variant, "/body/options", object{"options": object{empty: "red"}}},
			{"POST", "/v1/admin/variants/" + variant + "/stock", "/body/reason", object{"delta": 1, "reason": empty}},
			{"POST", "/v1/admin/categories", "/body/name", object{"slug": "new", "name": empty}},
			{"PATCH", "/v1/admin/categories/decor", "/body/name", object{"name": empty}},
		} {
			answer := s.App.Do(t, apptest.Request{Method: c.method, Path: c.path, Token: admin, Body: c.body, Header: map[string]string{"If-Match": "*"}})
			require.Contains(t, string(answer.Want(422).Body), c.pointer, "%s %s %q", c.method, c.path, empty)
		}
	}
}

func TestFault_T11_T12_TextsOfTheShopAreCleaned(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Clone)
	lamp := s.Product(" Jo\u202eevil\u0007  lamp ", object{
		"brand": "\u2800", "description": "one\r\ntwo\u001b", "tags": []string{"a\u0007b", "\u200b", " #A\u200bB "}, "materials": []string{"Cafe\u0301"},
	})
	require.Equal(t, []any{"Joevil lamp", "", "one\ntwo", []any{"ab"}, []any{"café"}},
		[]any{lamp["name"], lamp["brand"], lamp["description"], lamp["tags"], lamp["materials"]})
	made := s.Do("POST", "/v1/admin/products/"+lamp["id"].(string)+"/variants", object{
		"sku": "A\u0007-1", "name": "\u2066Brass", "options": object{"co\u202elor": "br\u0007ass"}, "price": object{"amount": 1, "currency": "EUR"},
	}).Want(201).JSON()
	require.Equal(t, []any{"A-1", "Brass", object{"color": "brass"}}, []any{made["sku"], made["name"], made["options"]})
	s.Do("PATCH", "/v1/admin/variants/"+made["id"].(string), object{"options": object{"color": "a", "co\u0007lor": "b"}}, "If-Match", "*").Want(422)
}
