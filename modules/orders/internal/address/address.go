// Package address is the address book. Orders keep a copy, so an edit never changes an order.
package address

import (
	"time"

	"github.com/google/uuid"
	"golang.org/x/text/language"

	"atrium/platform/fault"
)

var (
	errNotFound = fault.NotFound("orders.address_not_found", "There is no such address.")
	errUnknown  = fault.Invalid("orders.unknown_address", "This address is not in your address book.",
		fault.Field{Pointer: "/body/address_id", Detail: "must be one of your addresses"})
	errCountry = fault.Invalid("orders.unknown_country", "There is no such country.",
		fault.Field{Pointer: "/body/country", Detail: "must be an ISO 3166-1 alpha-2 code"})
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

func (a Snapshot) check() error {
	region, err := language.ParseRegion(a.Country)
	if err != nil || !region.IsCountry() {
		return errCountry
	}
	return nil
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

func optional(text *string) *string {
	if text == nil || *text == "" {
		return nil
	}
	return text
}
