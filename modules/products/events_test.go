package products_test

import (
	"testing"

	"github.com/google/uuid"

	"atrium/modules/products"
	"atrium/platform/money"
	"atrium/platform/outbox/outboxtest"
)

func TestEvents_PayloadsAreAsWritten(t *testing.T) {
	t.Parallel()
	id := uuid.MustParse("0199c2f0-1f4e-7a53-b1f4-9f2f6a1f0001")
	outboxtest.Golden(t,
		products.Changed{ProductID: id},
		products.Repriced{ProductID: id, Was: money.Of(12_900, "EUR"), Now: money.Of(9_900, "EUR")},
		products.BackInStock{ProductID: id},
	)
}
