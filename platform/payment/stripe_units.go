package payment

import (
	"errors"
	"math"
	"strings"

	"github.com/stripe/stripe-go/v84"

	"atrium/platform/money"
)

// The currencies that Stripe counts in other units than ISO 4217's minor unit: finer ones of krónur and Ugandan shillings, which kept
// two decimals there, and coarser ones of ariary, which have none. https://docs.stripe.com/currencies#special-cases
var (
	stripeFiner   = map[string]int64{"ISK": 100, "UGX": 100} // of Stripe's units in a minor unit
	stripeCoarser = map[string]int64{"MGA": 100}             // minor units in one of Stripe's
)

// stripeSteps lists the currencies of which Stripe takes only multiples of some of its units.
var stripeSteps = map[string]int64{"BHD": 10, "JOD": 10, "KWD": 10, "OMR": 10, "TND": 10}

// stripeLeast lists the least that Stripe asks for, in its units, by currency; others: 1.
// https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts
var stripeLeast = map[string]int64{
	"AED": 200, "AUD": 50, "BRL": 50, "CAD": 50, "CHF": 50, "CZK": 1500, "DKK": 250, "EUR": 50, "GBP": 30, "HKD": 400, "HUF": 17_500,
	"INR": 50, "JPY": 50, "MXN": 1000, "MYR": 200, "NOK": 300, "NZD": 50, "PLN": 200, "RON": 200, "SEK": 300, "SGD": 50, "THB": 1000, "USD": 50,
}

// stripeMost is the most that Stripe asks for, in its units: eight digits.
const stripeMost = 99_999_999

var errUnits = errors.New("stripe has no unit for this amount")

// toStripe is an amount in Stripe's units. One that Stripe cannot take to the last digit is ErrRefused: rounding would lose money.
func toStripe(m money.Money) (int64, error) {
	amount := m.Amount
	if factor := stripeFiner[m.Currency]; factor > 0 {
		if amount > math.MaxInt64/factor {
			return 0, ErrRefused.Because(errUnits)
		}
		amount *= factor
	}
	if factor := stripeCoarser[m.Currency]; factor > 0 {
		if amount%factor != 0 {
			return 0, ErrRefused.Because(errUnits)
		}
		amount /= factor
	}
	if step := stripeSteps[m.Currency]; step > 0 && amount%step != 0 {
		return 0, ErrRefused.Because(errUnits)
	}
	return amount, nil
}

// Accepts implements Provider.
func (s *Stripe) Accepts(amount money.Money) error {
	units, err := toStripe(amount)
	switch {
	case !money.Circulates(amount.Currency):
		return ErrAmount.Saying("Nobody pays in %s.", amount.Currency)
	case err != nil:
		return ErrAmount.Saying("%s is finer than what can be paid in this currency.", amount)
	case units < max(stripeLeast[amount.Currency], 1):
		return ErrAmount.Saying("The least that can be paid is %s.", fromStripe(stripeLeast[amount.Currency], stripe.Currency(amount.Currency)))
	case units > stripeMost:
		return ErrAmount.Saying("The most that can be paid is %s.", fromStripe(stripeMost, stripe.Currency(amount.Currency)))
	}
	return nil
}

// fromStripe is what Stripe's units mean.
func fromStripe(amount int64, currency stripe.Currency) money.Money {
	code := strings.ToUpper(string(currency))
	if factor := stripeFiner[code]; factor > 0 {
		amount /= factor
	}
	if factor := stripeCoarser[code]; factor > 0 {
		amount *= factor
	}
	return money.Of(amount, code)
}
