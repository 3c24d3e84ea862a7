// Package internal keeps the promises of package products.
package internal

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/text/currency"

	"atrium/modules/products"
	"atrium/platform/fault"
	"atrium/platform/money"
)

var (
	errVariantNotFound = fault.NotFound("products.variant_not_found", "There is no such variant.")
	errSlugTaken       = fault.Conflict("products.slug_taken", "Another product has this slug.")
	errSKUTaken        = fault.Conflict("products.sku_taken", "Another variant has this SKU.")
	errCategory        = fault.Invalid("products.unknown_category", "There is no such category.",
		fault.Field{Pointer: "/body/category", Detail: "must be the slug of a category"})
	errCompareAt = fault.Invalid("products.compare_at_price", "The price to compare with does not fit.",
		fault.Field{Pointer: "/body/compare_at_price", Detail: "must be above price and in its currency"})
	errPrice = fault.Invalid("products.invalid_price", "This price cannot be asked.",
		fault.Field{Pointer: "/body/price/amount", Detail: "must be between 0 and 1000000000000"})
	errCurrency = fault.Invalid("products.invalid_currency", "There is no such currency.",
		fault.Field{Pointer: "/body/price/currency", Detail: "must be a code of ISO 4217"})
	errSale = fault.Invalid("products.invalid_sale", "This is no sale.",
		fault.Field{Pointer: "/body/sale/price", Detail: "must be below price and in its currency"})
	errSaleWindow = fault.Invalid("products.invalid_sale", "This is no sale.",
		fault.Field{Pointer: "/body/sale/ends_at", Detail: "must be after starts_at"})
	errSlug = fault.Invalid("products.invalid_slug", "This slug cannot be used.",
		fault.Field{Pointer: "/body/slug", Detail: "must be lower case letters and digits in groups joined by hyphens, and no id"})
	errStockTooLow = fault.Conflict("products.stock_too_low", "There is less in stock that is not reserved.")
)

// The states of a product. A draft is seen by its seller and by admins only.
const (
	statusDraft  = "draft"
	statusActive = "active"
)

// Dimensions are outer measures in millimetres.
type Dimensions struct {
	WidthMM  *int `json:"width_mm" required:"false" minimum:"1" maximum:"100000" nullable:"true" example:"420"`
	DepthMM  *int `json:"depth_mm" required:"false" minimum:"1" maximum:"100000" nullable:"true" example:"420"`
	HeightMM *int `json:"height_mm" required:"false" minimum:"1" maximum:"100000" nullable:"true" example:"1550"`
}

// Product is a row of products with what belongs to it. Its price is the lowest of its variants.
type Product struct {
	ID            uuid.UUID `gorm:"type:uuid;primaryKey"`
	SellerID      uuid.UUID
	Slug          string
	Name          string
	Brand         string
	Description   string
	CategorySlug  string
	Status        string
	WidthMM       *int `gorm:"column:width_mm"`
	DepthMM       *int `gorm:"column:depth_mm"`
	HeightMM      *int `gorm:"column:height_mm"`
	WeightG       *int `gorm:"column:weight_g"`
	PriceAmount   *int64
	PriceCurrency *string
	Version       int64
	CreatedAt     time.Time
	UpdatedAt     time.Time
	DeletedAt     *time.Time

	Tags      []string    `gorm:"-"`
	Materials []string    `gorm:"-"`
	Photos    []uuid.UUID `gorm:"-"`
	Variants  []Variant   `gorm:"-"`
	Rating    *Rating     `gorm:"-"`
	Parts     *parts      `gorm:"column:parts;serializer:json;->"` // how one query brings the four above
}

// parts is what hangs on a product, as the store reads it.
type parts struct {
	Tags      []string    `json:"tags"`
	Materials []string    `json:"materials"`
	Photos    []uuid.UUID `json:"photos"`
	Variants  []Variant   `json:"variants"`
	Rating    *Rating     `json:"rating"`
}

// Rating is what those who bought a product think of it: how many, and the sum of their points.
type Rating struct {
	Count int64 `json:"count"`
	Sum   int64 `json:"sum"`
}

// unpack puts the parts in their places; absent lists are empty ones.
func (p *Product) unpack() {
	p.Tags, p.Materials = append([]string{}, p.Parts.Tags...), append([]string{}, p.Parts.Materials...)
	p.Photos, p.Variants = append([]uuid.UUID{}, p.Parts.Photos...), append([]Variant{}, p.Parts.Variants...)
	p.Rating, p.Parts = p.Parts.Rating, nil
}

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

// TableName is where variants live.
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

func (v Variant) amount(a *int64) *money.Money {
	if a == nil {
		return nil
	}
	m := money.Of(*a, v.PriceCurrency)
	return &m
}

// maxPrice keeps any cart far from overflow.
const maxPrice = 1_000_000_000_000

func (v *Variant) setPrice(m money.Money) error {
	if m.Amount < 0 || m.Amount > maxPrice {
		return errPrice
	}
	if _, err := currency.ParseISO(m.Currency); err != nil {
		return errCurrency
	}
	v.PriceAmount, v.PriceCurrency = m.Amount, m.Currency
	return nil
}

func (v *Variant) setSale(s *Sale) error {
	if s == nil {
		v.SaleAmount, v.SaleFrom, v.SaleUntil = nil, nil, nil
		return nil
	}
	if s.Price.Currency != v.PriceCurrency || s.Price.Amount < 0 || s.Price.Amount >= v.PriceAmount {
		return errSale
	}
	if s.From != nil && s.Until != nil && !s.Until.After(*s.From) {
		return errSaleWindow
	}
	v.SaleAmount, v.SaleFrom, v.SaleUntil = &s.Price.Amount, s.From, s.Until
	return nil
}

func (v *Variant) setCompareAt(m *money.Money) error {
	switch {
	case m == nil:
		v.CompareAtAmount = nil
	case m.Currency != v.PriceCurrency || m.Amount <= v.PriceAmount:
		return errCompareAt
	default:
		v.CompareAtAmount = &m.Amount
	}
	return nil
}

// Editor is who changes the catalogue: an admin any product, a seller their own.
type Editor struct {
	ID    uuid.UUID
	Admin bool
}

func (e Editor) mayEdit(p *Product) bool { return e.Admin || e.ID == p.SellerID }

// Draft is a product to be made. An empty Slug is made from the name.
type Draft struct {
	Name, Brand, Description, Category, Slug, Status string
	Tags, Materials                                  []string
	Dimensions                                       *Dimensions
	WeightG                                          *int
	Photos                                           []uuid.UUID
}

// Change is an edit: nil leaves a value as it is.
type Change struct {
	Name, Brand, Description, Category, Slug, Status *string
	Tags, Materials                                  *[]string
	Dimensions                                       **Dimensions
	WeightG                                          **int
	Photos                                           *[]uuid.UUID
}

// VariantDraft is a variant to be made.
type VariantDraft struct {
	SKU, Name string
	Options   map[string]string
	Price     money.Money
	CompareAt *money.Money
	Sale      *Sale
}

// VariantChange is an edit of a variant: nil leaves a value as it is.
type VariantChange struct {
	SKU, Name *string
	Options   *map[string]string
	Price     *money.Money
	CompareAt **money.Money
	Sale      **Sale
}

func (p *Product) apply(c Change) {
	set(&p.Name, c.Name)
	set(&p.Brand, c.Brand)
	set(&p.Description, c.Description)
	set(&p.CategorySlug, c.Category)
	set(&p.Status, c.Status)
	if c.Tags != nil {
		p.Tags = cleanTags(*c.Tags)
	}
	if c.Materials != nil {
		p.Materials = cleanTags(*c.Materials)
	}
	if c.Dimensions != nil {
		p.setDimensions(*c.Dimensions)
	}
	set(&p.WeightG, c.WeightG)
}

func (v *Variant) apply(c VariantChange) error {
	set(&v.SKU, c.SKU)
	set(&v.Name, c.Name)
	set(&v.Options, c.Options)
	if c.Price != nil {
		moved := c.Price.Currency != v.PriceCurrency
		if moved && v.CompareAtAmount != nil && c.CompareAt == nil {
			return errCompareAt
		}
		if moved && v.SaleAmount != nil && c.Sale == nil {
			return errSale
		}
		if err := v.setPrice(*c.Price); err != nil {
			return err
		}
	}
	if c.Sale != nil {
		if err := v.setSale(*c.Sale); err != nil {
			return err
		}
	} else if v.SaleAmount != nil && *v.SaleAmount >= v.PriceAmount {
		return errSale
	}
	if c.CompareAt != nil {
		return v.setCompareAt(*c.CompareAt)
	}
	if v.CompareAtAmount != nil && *v.CompareAtAmount <= v.PriceAmount {
		v.CompareAtAmount = nil // the price has risen to it: there is nothing left to cross out
	}
	return nil
}

func (p *Product) setDimensions(d *Dimensions) {
	if d == nil {
		d = &Dimensions{}
	}
	p.WidthMM, p.DepthMM, p.HeightMM = d.WidthMM, d.DepthMM, d.HeightMM
}

func (p *Product) dimensions() *Dimensions {
	if p.WidthMM == nil && p.DepthMM == nil && p.HeightMM == nil {
		return nil
	}
	return &Dimensions{p.WidthMM, p.DepthMM, p.HeightMM}
}

// visibleTo: everybody sees what is active; a draft is seen by those who may edit it.
func (p *Product) visibleTo(e Editor) bool { return p.Status == statusActive || e.mayEdit(p) }

func (p *Product) price() *money.Money {
	if p.PriceAmount == nil || p.PriceCurrency == nil {
		return nil
	}
	m := money.Of(*p.PriceAmount, *p.PriceCurrency)
	return &m
}

func (p *Product) ref() products.Ref {
	return products.Ref{ID: p.ID, Slug: p.Slug, Name: p.Name, Price: p.price()}
}

// cleanTags lowers and trims tags, without empty and double ones.
func cleanTags(tags []string) []string {
	clean := make([]string, 0, len(tags))
	for _, tag := range tags {
		tag = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(tag), "#")))
		if tag != "" && !slices.Contains(clean, tag) {
			clean = append(clean, tag)
		}
	}
	slices.Sort(clean)
	return clean
}

var slugPattern = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// checkSlug refuses what is no slug, and what would be taken for an id in a path.
func checkSlug(slug string) error {
	if len(slug) > 120 || !slugPattern.MatchString(slug) || uuid.Validate(slug) == nil {
		return errSlug
	}
	return nil
}

// slugOf makes a slug from a name. A name without Latin letters or digits gives "product".
func slugOf(name string) string {
	var slug strings.Builder
	for _, word := range wordsOf(name) {
		if strings.IndexFunc(word, func(r rune) bool { return r > 'z' }) >= 0 {
			continue
		}
		if slug.Len()+len(word) > 80 {
			break
		}
		if slug.Len() > 0 {
			slug.WriteByte('-')
		}
		slug.WriteString(word)
	}
	if checkSlug(slug.String()) != nil {
		return "product"
	}
	return slug.String()
}

func set[T any](field *T, to *T) {
	if to != nil {
		*field = *to
	}
}
