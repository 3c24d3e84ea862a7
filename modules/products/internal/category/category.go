// Package category is the tree of categories that products are in.
package category

import (
	"atrium/modules/products/internal/product"
	"atrium/platform/fault"
	"atrium/platform/text"
)

var (
	// ErrUnknown: a search asks for a category that does not exist.
	ErrUnknown = fault.Invalid("products.unknown_category", "There is no such category.",
		fault.Field{Pointer: "query.category", Detail: "must be the slug of a category"})
	errNotFound = fault.NotFound("products.category_not_found", "There is no such category.")
	errTaken    = fault.Conflict("products.category_taken", "Another category has this slug.")
	errInUse    = fault.Conflict("products.category_in_use", "There are products or other categories in this category.")
	errParent   = fault.Invalid("products.invalid_parent", "The category cannot be below that one.",
		fault.Field{Pointer: "/body/parent", Detail: "must be the slug of a category that is not below this one"})
)

// Category is a branch of the catalogue.
type Category struct {
	Slug       string
	ParentSlug *string
	Name       string
	Position   int
	Version    int64
}

const maxName = 80

func cleanName(name *string) error {
	return text.Clean(product.ErrTexts, text.Input{Pointer: "/body/name", Text: name, Limit: maxName, Required: true})
}

// Change changes a category; nil leaves things as they are.
type Change struct {
	Name     *string
	Parent   **string
	Position *int
}
