package money

import (
	"errors"
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestSplit(t *testing.T) {
	t.Parallel()
	weights := rapid.SliceOfN(rapid.Int64Range(0, 1<<40), 1, 30)

	t.Run("the parts add up and none is off by a minor unit", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			amount := Of(rapid.Int64().Draw(t, "amount"), "EUR")
			weights := weights.Draw(t, "weights")
			parts := amount.Split(weights)
			if len(parts) != len(weights) {
				t.Fatalf("%d parts for %d weights", len(parts), len(weights))
			}
			total, sum := new(big.Int), new(big.Int)
			for i, p := range parts {
				total.Add(total, big.NewInt(weights[i]))
				sum.Add(sum, big.NewInt(p.Amount))
				if p.Currency != amount.Currency {
					t.Fatalf("part in %s", p.Currency)
				}
			}
			if sum.Cmp(big.NewInt(amount.Amount)) != 0 {
				t.Fatalf("parts add up to %s, not %d", sum, amount.Amount)
			}
			if total.Sign() == 0 {
				return
			}
			for i, p := range parts { // |part * total - amount * weight| < total
				off := new(big.Int).Mul(big.NewInt(p.Amount), total)
				off.Sub(off, new(big.Int).Mul(big.NewInt(amount.Amount), big.NewInt(weights[i])))
				if off.CmpAbs(total) >= 0 {
					t.Fatalf("part %d is %d of %d at weight %d of %s", i, p.Amount, amount.Amount, weights[i], total)
				}
			}
		})
	})

	t.Run("the largest remainder gets the odd unit, the first of equals first", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, []Money{Of(34, "EUR"), Of(33, "EUR"), Of(33, "EUR")}, Of(100, "EUR").Split([]int64{1, 1, 1}))
		require.Equal(t, []Money{Of(-33, "EUR"), Of(-33, "EUR"), Of(-34, "EUR")}, Of(-100, "EUR").Split([]int64{1, 1, 1}))
		require.Equal(t, []Money{Of(1, "EUR"), Of(4, "EUR")}, Of(5, "EUR").Split([]int64{1, 3}))
		require.Equal(t, []Money{Of(7, "EUR"), Of(0, "EUR")}, Of(7, "EUR").Split([]int64{0, 0}))
		require.Empty(t, Of(7, "EUR").Split(nil))
	})
}

func TestIncludedTax(t *testing.T) {
	t.Parallel()
	require.Equal(t, Of(19, "EUR"), Of(119, "EUR").IncludedTax(1900))
	require.Equal(t, Of(1, "EUR"), Of(3, "EUR").IncludedTax(2000), "half a unit is rounded up")
	require.Equal(t, Of(0, "EUR"), Of(129900, "EUR").IncludedTax(0))

	rapid.Check(t, func(t *rapid.T) {
		gross := rapid.Int64Range(0, math.MaxInt64).Draw(t, "gross")
		rate := rapid.Int64Range(0, 10_000).Draw(t, "basis points")
		tax := Of(gross, "EUR").IncludedTax(rate).Amount
		if tax < 0 || tax > gross {
			t.Fatalf("%d of %d", tax, gross)
		}
		// Half up: exact - tax is in [-1/2, 1/2), so 2*(gross*rate - tax*d) is in [-d, d).
		d := big.NewInt(10_000 + rate)
		off := new(big.Int).Mul(big.NewInt(gross), big.NewInt(rate))
		off.Sub(off, new(big.Int).Mul(big.NewInt(tax), d)).Lsh(off, 1)
		if off.Cmp(new(big.Int).Neg(d)) < 0 || off.Cmp(d) >= 0 {
			t.Fatalf("%d is not the tax in %d at %d", tax, gross, rate)
		}
	})
}

func TestArithmetic(t *testing.T) {
	t.Parallel()

	t.Run("a result that does not fit is an overflow, never another number", func(t *testing.T) {
		t.Parallel()
		fits := func(n *big.Int) bool { return n.IsInt64() }
		edge := rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{math.MinInt64, math.MinInt64 + 1, -1, 0, 1, 2, math.MaxInt64 - 1, math.MaxInt64}))
		rapid.Check(t, func(t *rapid.T) {
			a, b := edge.Draw(t, "a"), edge.Draw(t, "b")
			for name, tc := range map[string]struct {
				exact *big.Int
				got   func() (Money, error)
			}{
				"plus":  {new(big.Int).Add(big.NewInt(a), big.NewInt(b)), func() (Money, error) { return Of(a, "EUR").Plus(Of(b, "EUR")) }},
				"times": {new(big.Int).Mul(big.NewInt(a), big.NewInt(b)), func() (Money, error) { return Of(a, "EUR").Times(b) }},
			} {
				got, err := tc.got()
				switch {
				case fits(tc.exact) && (err != nil || got.Amount != tc.exact.Int64()):
					t.Fatalf("%d %s %d = %v, %v", a, name, b, got, err)
				case !fits(tc.exact) && !errors.Is(err, ErrOverflow):
					t.Fatalf("%d %s %d = %v, %v", a, name, b, got, err)
				}
			}
		})
	})

	t.Run("the smallest number has no opposite", func(t *testing.T) {
		t.Parallel()
		_, err := Of(math.MinInt64, "EUR").Times(-1)
		require.ErrorIs(t, err, ErrOverflow)
	})

	t.Run("currencies do not mix", func(t *testing.T) {
		t.Parallel()
		_, err := Of(1, "EUR").Plus(Of(1, "USD"))
		require.ErrorIs(t, err, ErrCurrency)
	})
}

func TestString(t *testing.T) {
	t.Parallel()
	for want, m := range map[string]Money{
		"1299.00 EUR":               Of(129900, "EUR"),
		"0.05 EUR":                  Of(5, "EUR"),
		"-0.05 EUR":                 Of(-5, "EUR"),
		"0.00 EUR":                  Of(0, "EUR"),
		"500 JPY":                   Of(500, "JPY"),
		"0.500 KWD":                 Of(500, "KWD"),
		"-92233720368547758.08 EUR": Of(math.MinInt64, "EUR"),
		"-9223372036854775808 JPY":  Of(math.MinInt64, "JPY"),
		"9223372036854775.807 BHD":  Of(math.MaxInt64, "BHD"),
	} {
		require.Equal(t, want, m.String())
	}
}
