// Package review is what people who bought a product say about it.
package review

import (
	"time"

	"github.com/google/uuid"

	"atrium/platform/fault"
	"atrium/platform/text"
)

var (
	errNotFound   = fault.NotFound("products.review_not_found", "There is no such review.")
	errNotBought  = fault.Forbidden("products.review_not_bought", "Only people who bought this product can review it.")
	errOwnProduct = fault.Forbidden("products.own_product", "You sell this product yourself.")
	errReviewed   = fault.Conflict("products.already_reviewed", "You have reviewed this already. You can edit your review.")
	errText       = fault.Invalid("products.invalid_review", "The review cannot be saved like this.")
	photosPointer = "/body/photos"
)

// Review is a row of product_reviews. The versions before are kept.
type Review struct {
	ID        uuid.UUID `gorm:"type:uuid;primaryKey"`
	ProductID uuid.UUID
	LineID    uuid.UUID
	AuthorID  uuid.UUID
	Rating    int64 // 1 to 5
	Text      string
	Photos    []uuid.UUID `gorm:"serializer:json"`
	Version   int64
	CreatedAt time.Time
	EditedAt  *time.Time
}

// TableName is the name of the table.
func (Review) TableName() string { return "product_reviews" }

// Draft is a review to be written.
type Draft struct {
	Rating int64
	Text   string
	Photos []uuid.UUID
}

// Change is an edit: nil leaves a value as it is.
type Change struct {
	Rating *int64
	Text   *string
	Photos *[]uuid.UUID
}

const maxText = 5000

// cleanText brings what a review says into the form in which it is kept, or returns errText.
func cleanText(written *string) error {
	return text.Clean(errText, text.Input{Pointer: "/body/text", Text: written, Limit: maxText, Block: true})
}

func (r *Review) apply(c Change) {
	if c.Rating != nil {
		r.Rating = *c.Rating
	}
	if c.Text != nil {
		r.Text = *c.Text
	}
	if c.Photos != nil {
		r.Photos = *c.Photos
	}
}
