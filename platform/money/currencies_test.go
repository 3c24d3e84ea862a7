package money_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/platform/money"
)

func TestCirculates(t *testing.T) {
	t.Parallel()
	for _, currency := range []string{"EUR", "USD", "KRW", "XOF", "KWD", "SLE"} {
		require.True(t, money.Circulates(currency), currency)
	}
	for _, currency := range []string{"XXA", "XXX", "XTS", "XAU", "DEM", "BOV", "eur", ""} {
		require.False(t, money.Circulates(currency), currency)
	}
}
