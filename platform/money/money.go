// Package money counts in integer minor units. There is no float in it, nor near it.
package money

import (
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// Money is an amount in the minor unit of an ISO 4217 currency: 129900 EUR is 1,299.00 euro.
type Money struct {
	Amount   int64  `json:"amount" doc:"minor units"`
	Currency string `json:"currency" doc:"ISO 4217" minLength:"3" maxLength:"3" pattern:"^[A-Z]{3}$"`
}

// ErrCurrency is returned where two currencies meet.
var ErrCurrency = errors.New("money: currencies differ")

// ErrOverflow is returned where a sum does not fit.
var ErrOverflow = errors.New("money: overflow")

// exponents lists the currencies whose minor unit is not a hundredth.
var exponents = map[string]int{
	"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0, "UGX": 0,
	"VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0, "BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
}

// Of makes an amount.
func Of(amount int64, currency string) Money { return Money{Amount: amount, Currency: currency} }

// Exponent returns the number of decimals of the currency: 0, 2 or 3.
func Exponent(currency string) int {
	if e, ok := exponents[currency]; ok {
		return e
	}
	return 2
}

// Plus adds two amounts of one currency.
func (m Money) Plus(other Money) (Money, error) {
	if m.Currency != other.Currency {
		return Money{}, ErrCurrency
	}
	sum := m.Amount + other.Amount
	if (sum > m.Amount) != (other.Amount > 0) {
		return Money{}, ErrOverflow
	}
	return Money{sum, m.Currency}, nil
}

// Times multiplies by a quantity.
func (m Money) Times(n int64) (Money, error) {
	if n != 0 && (m.Amount*n)/n != m.Amount || n == -1 && m.Amount == math.MinInt64 {
		return Money{}, ErrOverflow
	}
	return Money{m.Amount * n, m.Currency}, nil
}

// IncludedTax returns the tax contained in a gross amount at a rate in basis points (1900 = 19 %),
// rounded half up to the minor unit: gross * rate / (10000 + rate).
func (m Money) IncludedTax(basisPoints int64) Money {
	n := new(big.Int).Mul(big.NewInt(m.Amount), big.NewInt(2*basisPoints))
	d := big.NewInt(10000 + basisPoints)
	n.Add(n, d).Div(n, d.Mul(d, big.NewInt(2)))
	return Money{n.Int64(), m.Currency}
}

// Split shares the amount over weights by the largest remainder: the parts add up exactly,
// and each is off by less than one minor unit. Weights are not negative; all zero give all to the first.
func (m Money) Split(weights []int64) []Money {
	parts := make([]Money, len(weights))
	if len(weights) == 0 {
		return parts
	}
	total := new(big.Int)
	for _, w := range weights {
		total.Add(total, big.NewInt(w))
	}
	remainders := make([]*big.Int, len(weights))
	rest := m.Amount
	for i, w := range weights {
		share, rem := new(big.Int), new(big.Int)
		if total.Sign() > 0 {
			share.DivMod(new(big.Int).Mul(big.NewInt(m.Amount), big.NewInt(w)), total, rem) // rounds down, so rest is never negative
		}
		parts[i] = Money{share.Int64(), m.Currency}
		remainders[i] = rem
		rest -= share.Int64()
	}
	if total.Sign() == 0 {
		parts[0].Amount += rest
		return parts
	}
	for ; rest > 0; rest-- {
		best := 0
		for i := range remainders {
			if remainders[i].Cmp(remainders[best]) > 0 {
				best = i
			}
		}
		parts[best].Amount++
		remainders[best] = big.NewInt(-1)
	}
	return parts
}

// String writes the amount for people: "1299.00 EUR".
func (m Money) String() string {
	e := Exponent(m.Currency)
	digits := strconv.FormatInt(m.Amount, 10)
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	if e > 0 {
		for len(digits) <= e {
			digits = "0" + digits
		}
		digits = digits[:len(digits)-e] + "." + digits[len(digits)-e:]
	}
	return sign + digits + " " + m.Currency
}
