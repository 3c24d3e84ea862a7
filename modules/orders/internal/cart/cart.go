// Package cart keeps what people want to buy, and says what has changed about it before they do.
package cart

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
	"time"

	"github.com/google/uuid"

	"atrium/modules/products"
	"atrium/platform/fault"
	"atrium/platform/money"
)

// The bounds of a cart.
const (
	MaxQuantity = 999
	maxLines    = 50
)

var (
	errFull         = fault.Conflict("orders.cart_full", "A cart holds at most 50 different things.")
	errTooMany      = fault.Invalid("orders.too_many", "A line of a cart holds at most 999 pieces.")
	errEmpty        = fault.Conflict("orders.cart_empty", "The cart is empty.")
	errDiscontinued = fault.Conflict("orders.discontinued", "Something in the cart is not sold any more.")
	errCurrencies   = fault.Conflict("orders.currency_mismatch", "A cart is paid in one currency.")
)

// The problems a line can have.
const (
	PriceChanged     = "price_changed"
	OutOfStock       = "out_of_stock"
	Discontinued     = "discontinued"
	CurrencyMismatch = "currency_mismatch"
	DoesNotFit       = "does_not_fit"
)

// Row is a line as it is kept, with the price of the moment it was put in.
type Row struct {
	UserID        uuid.UUID
	VariantID     uuid.UUID
	ProductID     uuid.UUID
	ProductName   string
	Quantity      int64
	PriceAmount   int64
	PriceCurrency string
	AddedAt       time.Time
}

func (r Row) price() money.Money { return money.Of(r.PriceAmount, r.PriceCurrency) }

// Line is a line as it is shown: at the price of now.
type Line struct {
	VariantID uuid.UUID
	Product   products.Ref
	Name      string // of the product and the variant
	SKU       string
	Quantity  int64
	UnitPrice money.Money
	Total     money.Money
	OnSale    bool
}

// Problem is something to know before paying.
type Problem struct {
	Code      string       `json:"code" enum:"price_changed,out_of_stock,discontinued,currency_mismatch,does_not_fit" doc:"does_not_fit: it waits until other lines have left the cart"`
	VariantID uuid.UUID    `json:"variant_id"`
	Available *int64       `json:"available,omitempty" doc:"with out_of_stock: how many there are"`
	OldPrice  *money.Money `json:"old_price,omitempty" doc:"with price_changed: when it was put in"`
	NewPrice  *money.Money `json:"new_price,omitempty" doc:"with price_changed: now"`
}

// SchemaName is its name in the OpenAPI document.
func (Problem) SchemaName() string { return "CartProblem" }

// Cart is a cart as it is shown.
type Cart struct {
	Version  string
	Lines    []Line
	Subtotal money.Money
	Problems []Problem
}

// show makes the cart out of its rows and what is offered now. Orders that were given back may leave more rows than a cart holds:
// the last ones are problems, and lines as soon as there is room. Its currency is that of the line put in first; what cannot
// be bought is not in the subtotal.
func show(rows []Row, offers map[uuid.UUID]products.Offer, currency string) (Cart, error) {
	c := Cart{Lines: make([]Line, 0, len(rows)), Problems: []Problem{}}
	for _, row := range rows[min(maxLines, len(rows)):] {
		c.Problems = append(c.Problems, Problem{Code: DoesNotFit, VariantID: row.VariantID})
	}
	rows = rows[:min(maxLines, len(rows))]
	if i := slices.IndexFunc(rows, func(r Row) bool { return offers[r.VariantID].OnSale }); i >= 0 {
		currency = offers[rows[i].VariantID].Price.Currency
	}
	c.Subtotal = money.Of(0, currency)
	for _, row := range rows {
		offer, known := offers[row.VariantID]
		line, err := lineOf(row, offer, known)
		if err != nil {
			return Cart{}, err
		}
		c.Lines = append(c.Lines, line)
		c.Problems = append(c.Problems, problemsOf(row, offer, currency)...)
		if !line.OnSale || line.Total.Currency != currency {
			continue
		}
		if c.Subtotal, err = c.Subtotal.Plus(line.Total); err != nil {
			return Cart{}, err
		}
	}
	c.Version = versionOf(c.Lines)
	return c, nil
}

func lineOf(row Row, offer products.Offer, known bool) (Line, error) {
	line := Line{VariantID: row.VariantID, Quantity: row.Quantity, UnitPrice: row.price(), Name: row.ProductName}
	line.Product = products.Ref{ID: row.ProductID, Name: row.ProductName}
	if known {
		line.Product, line.UnitPrice, line.SKU, line.OnSale = offer.Product, offer.Price, offer.SKU, offer.OnSale
		line.Name = titleOf(offer)
	}
	var err error
	line.Total, err = line.UnitPrice.Times(line.Quantity)
	return line, err
}

// titleOf is what an order line is called: the product, and the variant where it has a name of its own.
func titleOf(o products.Offer) string {
	if o.Name == "" || o.Name == o.Product.Name {
		return o.Product.Name
	}
	return o.Product.Name + " – " + o.Name
}

func problemsOf(row Row, offer products.Offer, currency string) (problems []Problem) {
	if !offer.OnSale {
		return []Problem{{Code: Discontinued, VariantID: row.VariantID}}
	}
	if offer.Price.Currency != currency {
		problems = append(problems, Problem{Code: CurrencyMismatch, VariantID: row.VariantID})
	}
	if old := row.price(); old != offer.Price {
		problems = append(problems, Problem{Code: PriceChanged, VariantID: row.VariantID, OldPrice: &old, NewPrice: &offer.Price})
	}
	if row.Quantity > offer.Available {
		problems = append(problems, Problem{Code: OutOfStock, VariantID: row.VariantID, Available: &offer.Available})
	}
	return problems
}

// A version is the cart as it was shown, packed: so a checkout can say exactly what has changed since. It needs no signature:
// it only says what somebody believes to have seen.

const versionFormat = 1

// seen is a line in a version.
type seen struct {
	quantity int64
	price    money.Money
}

func versionOf(lines []Line) string {
	sorted := slices.SortedFunc(slices.Values(lines), func(a, b Line) int { return slices.Compare(a.VariantID[:], b.VariantID[:]) })
	packed := []byte{versionFormat}
	for _, l := range sorted {
		packed = append(packed, l.VariantID[:]...)
		packed = binary.AppendUvarint(packed, uint64(l.Quantity))
		packed = binary.AppendUvarint(packed, uint64(l.UnitPrice.Amount))
		packed = append(packed, l.UnitPrice.Currency...)
	}
	return base64.RawURLEncoding.EncodeToString(packed)
}

// readVersion unpacks a version; what is none names an empty cart.
func readVersion(version string) map[uuid.UUID]seen {
	lines := map[uuid.UUID]seen{}
	packed, err := base64.RawURLEncoding.DecodeString(version)
	if err != nil || len(packed) == 0 || packed[0] != versionFormat {
		return lines
	}
	packed = packed[1:]
	for len(packed) > 16 {
		id := uuid.UUID(packed[:16])
		quantity, n := binary.Uvarint(packed[16:])
		if n <= 0 {
			return lines
		}
		packed = packed[16+n:]
		amount, n := binary.Uvarint(packed)
		if n <= 0 || len(packed) < n+3 {
			return lines
		}
		lines[id] = seen{int64(quantity), money.Of(int64(amount), string(packed[n:n+3]))}
		packed = packed[n+3:]
	}
	return lines
}

// Moved is a line that is not as it was shown: a difference of orders.ErrCartChanged.
type Moved struct {
	VariantID uuid.UUID `json:"variant_id"`
	Shown     int64     `json:"shown"`    // quantity in the version; 0: it was not there
	Quantity  int64     `json:"quantity"` // now; 0: it is gone
}

// Repriced is a price that is not as it was shown: a difference of orders.ErrPriceChanged.
type Repriced struct {
	VariantID uuid.UUID   `json:"variant_id"`
	OldPrice  money.Money `json:"old_price"`
	NewPrice  money.Money `json:"new_price"`
}

// differences compares a cart with a version of it.
func differences(c Cart, version string) (moved []Moved, repriced []Repriced) {
	shown := readVersion(version)
	for _, l := range c.Lines {
		was, known := shown[l.VariantID]
		delete(shown, l.VariantID)
		switch {
		case !known || was.quantity != l.Quantity:
			moved = append(moved, Moved{l.VariantID, was.quantity, l.Quantity})
		case was.price != l.UnitPrice:
			repriced = append(repriced, Repriced{l.VariantID, was.price, l.UnitPrice})
		}
	}
	for id, was := range shown {
		moved = append(moved, Moved{id, was.quantity, 0})
	}
	return moved, repriced
}
