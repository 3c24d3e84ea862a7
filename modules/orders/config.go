package orders

import "time"

// Config is the orders section of the configuration. Amounts are minor units, rates are basis points (1900 = 19 %).
type Config struct {
	Currency       string           `koanf:"currency" validate:"required,len=3,uppercase"` // of an empty cart
	ReserveFor     time.Duration    `koanf:"reserve_for" validate:"min=1s"`                // how long an unpaid order holds its stock
	Shipping       map[string]int64 `koanf:"shipping" validate:"dive,min=0"`               // flat rate by currency; absent: 0
	TaxRates       map[string]int64 `koanf:"tax_rates" validate:"dive,min=0,max=10000"`    // by country; contained in prices
	DefaultTaxRate int64            `koanf:"default_tax_rate" validate:"min=0,max=10000"`  // of countries that are not listed
	SweepEvery     time.Duration    `koanf:"sweep_every" validate:"min=1s"`                // how often lost webhooks and overdue orders are looked for
	ReconcileEvery time.Duration    `koanf:"reconcile_every" validate:"min=1m"`            // how often our books are compared with the provider's
	ReturnWithin   time.Duration    `koanf:"return_within" validate:"min=1h"`              // how long after delivery something may be sent back
}
