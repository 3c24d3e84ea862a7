package product

import (
	"time"

	"github.com/google/uuid"

	"atrium/platform/money"
)

// Variant is what is actually sold: a row of product_variants. Stock does not move its version.
type Variant struct {
	ID              uuid.UUID         `gorm:"type:uuid;primaryKey" json:"id"`
	ProductID       uuid.UUID         `json:"product_id"`
	SKU             string            `gorm:"column:sku" json:"sku"`
	Name            string            `json:"name"`
	Options         map[string]string `gorm:"serializer:json" json:"options"`
	PriceAmount     int64             `json:"price_amount"`
	PriceCurrency   string            `json:"price_currency"`
	CompareAtAmount *int64            `json:"compare_at_amount"`
	SaleAmount      *int64            `json:"sale_amount"`
	SaleFrom        *time.Time        `json:"sale_from"`
	SaleUntil       *time.Time        `json:"sale_until"`
	OnHand          int64             `json:"on_hand"`
	Reserved        int64             `json:"reserved"`
	Version         int64             `json:"version"`
	CreatedAt       time.Time         `json:"created_at"`
	UpdatedAt       time.Time         `json:"updated_at"`
	DeletedAt       *time.Time        `json:"deleted_at"`

	Asked        int64  `gorm:"-" json:"asked"`         // the price now, by the database's clock
	LowestBefore *int64 `gorm:"-" json:"lowest_before"` // of the 30 days before that price; nil where it is the first
}

// TableName is the name of the table.
func (Variant) TableName() string { return "product_variants" }

// Available is what can still be reserved.
func (v Variant) Available() int64 { return v.OnHand - v.Reserved }

// Price is what one piece costs now, tax included.
func (v Variant) Price() money.Money { return money.Of(v.Asked, v.PriceCurrency) }

// CompareAt is the price to show crossed out, if any: the one that was set, else during a sale the usual one.
func (v Variant) CompareAt() *money.Money {
	switch {
	case v.CompareAtAmount != nil:
		return v.amount(v.CompareAtAmount)
	case v.Asked < v.PriceAmount:
		return v.amount(&v.PriceAmount)
	}
	return nil
}

// Sale is a lower price for a while: from From (nil: at once) until before Until (nil: until further notice).
type Sale struct {
	Price       money.Money
	From, Until *time.Time
}

// Sale is the lower price that was set, whether its time has come or not; nil for none.
func (v Variant) Sale() *Sale {
	if v.SaleAmount == nil {
		return nil
	}
	return &Sale{*v.amount(v.SaleAmount), v.SaleFrom, v.SaleUntil}
}

// Lowest is the lowest price of the 30 days before the present one; nil where that is the first.
func (v Variant) Lowest() *money.Money { return v.amount(v.LowestBefore) }

func (v Variant) amount(a *int64) *money.Money {
	if a == nil {
		return nil
	}
	m := money.Of(*a, v.PriceCurrency)
	return &m
}

// maxPrice bounds a price, in minor units: no cart comes near an overflow.
const maxPrice = 1_000_000_000_000

// SetPrice sets the usual price: errPrice, errCurrency.
func (v *Variant) SetPrice(m money.Money) error {
	if m.Amount < 0 || m.Amount > maxPrice {
		return errPrice
	}
	if !money.Circulates(m.Currency) {
		return errCurrency
	}
	v.PriceAmount, v.PriceCurrency = m.Amount, m.Currency
	return nil
}

// SetSale sets or ends (nil) a sale: ErrSale, errSaleWindow. The usual price is set first.
func (v *Variant) SetSale(s *Sale) error {
	if s == nil {
		v.SaleAmount, v.SaleFrom, v.SaleUntil = nil, nil, nil
		return nil
	}
	if s.Price.Currency != v.PriceCurrency || s.Price.Amount < 0 || s.Price.Amount >= v.PriceAmount {
		return ErrSale
	}
	if s.From != nil && s.Until != nil && !s.Until.After(*s.From) {
		return errSaleWindow
	}
	v.SaleAmount, v.SaleFrom, v.SaleUntil = &s.Price.Amount, s.From, s.Until
	return nil
}

// SetCompareAt sets or removes (nil) the price to show crossed out: ErrCompareAt. The usual price is set first.
func (v *Variant) SetCompareAt(m *money.Money) error {
	switch {
	case m == nil:
		v.CompareAtAmount = nil
	case m.Currency != v.PriceCurrency || m.Amount <= v.PriceAmount:
		return ErrCompareAt
	default:
		v.CompareAtAmount = &m.Amount
	}
	return nil
}
