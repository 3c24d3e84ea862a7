package imports_test

import (
	"testing"

	"atrium/modules/products/internal/moduletest"
	"atrium/platform/database"
)

type (
	bundle struct{ *moduletest.Bundle }
	object = moduletest.Object
)

func setup(t testing.TB, open func(testing.TB) *database.DB) *bundle {
	t.Helper()
	return &bundle{moduletest.New(t, open)}
}
