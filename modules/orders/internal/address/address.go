// Package address is the address book. Orders keep a copy, so an edit never changes an order.
package address

import (
	"time"

	"github.com/google/uuid"

	"atrium/platform/fault"
	"atrium/platform/text"
)

var (
	errNotFound = fault.NotFound("orders.address_not_found", "There is no such address.")
	errUnknown  = fault.Invalid("orders.unknown_address", "This address is not in your address book.",
		fault.Field{Pointer: "/body/address_id", Detail: "must be one of your addresses"})
	errCountry = fault.Invalid("orders.unknown_country", "There is no such country.",
		fault.Field{Pointer: "/body/country", Detail: "must be an ISO 3166-1 alpha-2 code"})
	errNowhere = fault.Invalid("orders.unknown_country", "The country of this address does not exist.",
		fault.Field{Pointer: "/body/address_id", Detail: "must be an address in a country that exists"})
	errFull = fault.Conflict("orders.address_book_full", "An address book holds at most 50 addresses.")
)

const maxAddresses = 50

// Snapshot is where something goes to.
type Snapshot struct {
	Name       string  `json:"name" minLength:"1" maxLength:"200" example:"Mina Park"`
	Line1      string  `json:"line1" minLength:"1" maxLength:"200" example:"Torstraße 1"`
	Line2      *string `json:"line2,omitempty" maxLength:"200"`
	City       string  `json:"city" minLength:"1" maxLength:"120" example:"Berlin"`
	Region     *string `json:"region,omitempty" maxLength:"120"`
	PostalCode string  `json:"postal_code" minLength:"1" maxLength:"20" example:"10119"`
	Country    string  `json:"country" pattern:"^[A-Z]{2}$" example:"DE" doc:"ISO 3166-1 alpha-2"`
	Phone      *string `json:"phone,omitempty" maxLength:"40"`
}

// SchemaName is its name in the OpenAPI document.
func (Snapshot) SchemaName() string { return "ShippingAddress" }

// clean brings the texts into the form in which they are kept, or says what is wrong: a line that shows nothing or has a line break,
// a country that there is not.
func (a *Snapshot) clean() error {
	invalid := fault.Invalid("orders.invalid_address", "This cannot be an address.")
	wrong := invalid
	inputs := []text.Input{
		{Pointer: "/body/name", Text: &a.Name, Limit: 200, Required: true}, {Pointer: "/body/line1", Text: &a.Line1, Limit: 200, Required: true},
		{Pointer: "/body/line2", Text: a.Line2, Limit: 200}, {Pointer: "/body/city", Text: &a.City, Limit: 120, Required: true},
		{Pointer: "/body/region", Text: a.Region, Limit: 120}, {Pointer: "/body/postal_code", Text: &a.PostalCode, Limit: 20, Required: true},
		{Pointer: "/body/phone", Text: a.Phone, Limit: 40},
	}
	for _, in := range inputs {
		if in.Text != nil && text.HasLineBreak(*in.Text) {
			wrong = wrong.At(in.Pointer, "must be one line")
		}
	}
	if wrong != invalid {
		return wrong
	}
	if err := text.Clean(invalid, inputs...); err != nil {
		return err
	}
	a.Line2, a.Region, a.Phone = optional(a.Line2), optional(a.Region), optional(a.Phone)
	var err error
	a.Country, err = country(a.Country)
	return err
}

// Address is a row of the address book.
type Address struct {
	ID        uuid.UUID `gorm:"type:uuid;primaryKey"`
	UserID    uuid.UUID
	Snapshot  `gorm:"embedded"`
	IsDefault bool
	Version   int64
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Change is an edit: nil leaves a value as it is, an empty text takes an optional one away.
type Change struct {
	Name       *string `json:"name,omitempty" minLength:"1" maxLength:"200"`
	Line1      *string `json:"line1,omitempty" minLength:"1" maxLength:"200"`
	Line2      *string `json:"line2,omitempty" maxLength:"200"`
	City       *string `json:"city,omitempty" minLength:"1" maxLength:"120"`
	Region     *string `json:"region,omitempty" maxLength:"120"`
	PostalCode *string `json:"postal_code,omitempty" minLength:"1" maxLength:"20"`
	Country    *string `json:"country,omitempty" pattern:"^[A-Z]{2}$"`
	Phone      *string `json:"phone,omitempty" maxLength:"40"`
	IsDefault  *bool   `json:"is_default,omitempty"`
}

// SchemaName is its name in the OpenAPI document.
func (Change) SchemaName() string { return "EditAddressRequest" }

func (a *Address) apply(c Change) {
	for _, field := range []struct{ at, to *string }{
		{&a.Name, c.Name}, {&a.Line1, c.Line1}, {&a.City, c.City}, {&a.PostalCode, c.PostalCode}, {&a.Country, c.Country},
	} {
		if field.to != nil {
			*field.at = *field.to
		}
	}
	for _, field := range []struct {
		at **string
		to *string
	}{{&a.Line2, c.Line2}, {&a.Region, c.Region}, {&a.Phone, c.Phone}} {
		if field.to != nil {
			*field.at = optional(field.to)
		}
	}
	if c.IsDefault != nil {
		a.IsDefault = *c.IsDefault
	}
}

func optional(line *string) *string {
	if line == nil || *line == "" {
		return nil
	}
	return line
}
