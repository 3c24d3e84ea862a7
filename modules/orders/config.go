package orders

import (
	"slices"
	"time"
)

// Config is the orders section of the configuration. Amounts are minor units, rates are basis points (1900 = 19 %).
type Config struct {
	Currency         string           `koanf:"currency" validate:"required,len=3,uppercase"`      // of an empty cart
	ReserveFor       time.Duration    `koanf:"reserve_for" validate:"min=1s"`                     // how long an unpaid order holds its stock
	Shipping         map[string]int64 `koanf:"shipping" validate:"dive,min=0"`                    // flat rate by currency; absent: 0
	TaxRates         map[string]int64 `koanf:"tax_rates" validate:"dive,min=0,max=10000"`         // by country; contained in prices
	UntaxedCountries []string         `koanf:"untaxed_countries" validate:"dive,len=2,uppercase"` // where no tax is taken; a country without a rate that is not here is not delivered to
	SweepEvery       time.Duration    `koanf:"sweep_every" validate:"min=1s"`                     // how often lost webhooks and orders whose reservation has ended are looked for
	ReconcileEvery   time.Duration    `koanf:"reconcile_every" validate:"min=1m"`                 // how often our books are compared with the provider's
	ReturnWithin     time.Duration    `koanf:"return_within" validate:"min=1h"`                   // how long after delivery something may be sent back
}

// TaxRate is a country's rate in basis points; known is false where the configuration does not say: no country is untaxed by omission.
func (c Config) TaxRate(country string) (rate int64, known bool) {
	rate, known = c.TaxRates[country]
	return rate, known || slices.Contains(c.UntaxedCountries, country)
}
