package catalogue

import (
	"time"

	"github.com/google/uuid"

	"atrium/modules/products/internal/product"
	"atrium/platform/httpserver"
	"atrium/platform/money"
)

type productBody struct {
	Name        string              `json:"name" minLength:"1" maxLength:"200" example:"Arc floor lamp"`
	Brand       string              `json:"brand,omitempty" maxLength:"120" example:"Nordlys"`
	Description string              `json:"description,omitempty" maxLength:"10000"`
	Category    string              `json:"category" minLength:"1" maxLength:"60" example:"lighting" doc:"slug"`
	Tags        []string            `json:"tags,omitempty" maxItems:"30" nullable:"false" doc:"kept in lower case"`
	Materials   []string            `json:"materials,omitempty" maxItems:"30" nullable:"false" doc:"kept in lower case" example:"[\"oak\", \"brass\"]"`
	Dimensions  *product.Dimensions `json:"dimensions,omitempty"`
	WeightG     *int                `json:"weight_g,omitempty" minimum:"1" maximum:"100000000" example:"4200" doc:"grams"`
	Slug        string              `json:"slug,omitempty" maxLength:"120" doc:"made from the name where absent"`
	Status      string              `json:"status,omitempty" enum:"draft,active" default:"active"`
	Photos      []uuid.UUID         `json:"photos,omitempty" maxItems:"20" uniqueItems:"true" nullable:"false" doc:"upload ids"`
}

// SchemaName is its name in the OpenAPI document.
func (productBody) SchemaName() string { return "CreateProductRequest" }

func (b productBody) draft() product.Draft {
	return product.Draft{
		Name: b.Name, Brand: b.Brand, Description: b.Description, Category: b.Category, Slug: b.Slug,
		Status: b.Status, Tags: b.Tags, Materials: b.Materials, Dimensions: b.Dimensions, WeightG: b.WeightG, Photos: b.Photos,
	}
}

type productPatch struct {
	Name        *string                                 `json:"name,omitempty" minLength:"1" maxLength:"200"`
	Brand       *string                                 `json:"brand,omitempty" maxLength:"120"`
	Description *string                                 `json:"description,omitempty" maxLength:"10000"`
	Category    *string                                 `json:"category,omitempty" minLength:"1" maxLength:"60"`
	Tags        *[]string                               `json:"tags,omitempty" maxItems:"30"`
	Materials   *[]string                               `json:"materials,omitempty" maxItems:"30"`
	Dimensions  httpserver.Nullable[product.Dimensions] `json:"dimensions,omitempty" doc:"null takes them away"`
	WeightG     httpserver.Nullable[int]                `json:"weight_g,omitempty" doc:"grams; null takes it away"`
	Slug        *string                                 `json:"slug,omitempty" minLength:"1" maxLength:"120" doc:"the old one redirects"`
	Status      *string                                 `json:"status,omitempty" enum:"draft,active"`
	Photos      *[]uuid.UUID                            `json:"photos,omitempty" maxItems:"20" uniqueItems:"true" doc:"upload ids, in order: those that are there and new ones"`
}

// SchemaName is its name in the OpenAPI document.
func (productPatch) SchemaName() string { return "EditProductRequest" }

func (p productPatch) change() product.Change {
	return product.Change{
		Name: p.Name, Brand: p.Brand, Description: p.Description, Category: p.Category, Slug: p.Slug, Status: p.Status,
		Tags: p.Tags, Materials: p.Materials, Dimensions: p.Dimensions.Change(), WeightG: p.WeightG.Change(), Photos: p.Photos,
	}
}

type variantBody struct {
	SKU       string            `json:"sku" minLength:"1" maxLength:"64" example:"ARC-BRASS"`
	Name      string            `json:"name,omitempty" maxLength:"200" example:"Brass"`
	Options   map[string]string `json:"options,omitempty" doc:"what tells the variants apart" example:"{\"color\": \"brass\"}"`
	Price     money.Money       `json:"price" doc:"tax included"`
	CompareAt *money.Money      `json:"compare_at_price,omitempty" doc:"the price to show crossed out"`
	Sale      *saleBody         `json:"sale,omitempty" doc:"a lower price for a while"`
}

// SchemaName is its name in the OpenAPI document.
func (variantBody) SchemaName() string { return "CreateVariantRequest" }

func (b variantBody) draft() product.VariantDraft {
	return product.VariantDraft{SKU: b.SKU, Name: b.Name, Options: b.Options, Price: b.Price, CompareAt: b.CompareAt, Sale: b.Sale.sale()}
}

// saleBody is a sale that is asked for.
type saleBody struct {
	Price    money.Money `json:"price" doc:"tax included; below the usual price"`
	StartsAt *time.Time  `json:"starts_at,omitempty" doc:"absent: at once"`
	EndsAt   *time.Time  `json:"ends_at,omitempty" doc:"absent: until further notice"`
}

// SchemaName is its name in the OpenAPI document.
func (saleBody) SchemaName() string { return "SaleInput" }

func (b *saleBody) sale() *product.Sale {
	if b == nil {
		return nil
	}
	return &product.Sale{Price: b.Price, From: b.StartsAt, Until: b.EndsAt}
}

type variantPatch struct {
	SKU       *string                          `json:"sku,omitempty" minLength:"1" maxLength:"64"`
	Name      *string                          `json:"name,omitempty" maxLength:"200"`
	Options   *map[string]string               `json:"options,omitempty"`
	Price     *money.Money                     `json:"price,omitempty"`
	CompareAt httpserver.Nullable[money.Money] `json:"compare_at_price,omitempty" doc:"null takes it away"`
	Sale      httpserver.Nullable[saleBody]    `json:"sale,omitempty" doc:"null ends it"`
}

// SchemaName is its name in the OpenAPI document.
func (variantPatch) SchemaName() string { return "EditVariantRequest" }

func (p variantPatch) change() product.VariantChange {
	c := product.VariantChange{SKU: p.SKU, Name: p.Name, Options: p.Options, Price: p.Price, CompareAt: p.CompareAt.Change()}
	if p.Sale.Present {
		sale := p.Sale.Value.sale()
		c.Sale = &sale
	}
	return c
}
