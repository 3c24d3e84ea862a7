// Package content is what posts say and count, read from PostgreSQL through a cache, and which of it a viewer may see.
// It costs one statement a page, never one per post.
package content

import (
	"slices"
	"time"

	"github.com/google/uuid"
)

// Content is what a post says. It is cached: whatever changes that drops it.
type Content struct {
	ID            uuid.UUID
	AuthorID      uuid.UUID
	Caption       string
	Room          *string
	Style         *string
	Visibility    string
	Version       int64
	CreatedAt     time.Time
	UpdatedAt     time.Time
	Gone          bool     // deleted; it may be restored yet
	CountsHidden  bool     // likes and saves are shown to the author only
	CommentPolicy string   // everyone, followers, off
	Tags          []string `gorm:"serializer:json"`
	Photos        []Photo  `gorm:"serializer:json"`
}

// Figures are what moves on a post. They are cached for themselves, so that a like leaves everything else near.
type Figures struct {
	Likes    int64 `json:"l"`
	Comments int64 `json:"c"`
	Saves    int64 `json:"s"`
}

// State is what decides which version of a post may be seen, and by whom.
type State struct {
	Version    int64  `json:"v"`
	Visibility string `json:"s"`
	Gone       bool   `json:"g,omitempty"`
}

// State is the state that the content was read in.
func (c *Content) State() State {
	return State{Version: c.Version, Visibility: c.Visibility, Gone: c.Gone}
}

// Photo is a photo of a post, in the author's order. A nil Alt leaves the upload's own text, a nil Focal the middle.
type Photo struct {
	ID    uuid.UUID `json:"id"`
	Alt   *string   `json:"alt"`
	Focal *Point    `json:"focal,omitempty"`
	Pins  []Pin     `json:"pins"`
}

// SchemaName is its name in the OpenAPI document.
func (Photo) SchemaName() string { return "RevisionPhoto" }

// Point is a place on an upright photo.
type Point struct {
	X float64 `json:"x" minimum:"0" maximum:"1" example:"0.42" doc:"0..1 from the left"`
	Y float64 `json:"y" minimum:"0" maximum:"1" example:"0.58" doc:"0..1 from the top"`
}

// SchemaName is its name in the OpenAPI document.
func (Point) SchemaName() string { return "FocalPoint" }

// Pin marks a place on an upright photo: X and Y in 0..1 from its left and top.
type Pin struct {
	X         float64    `json:"x"`
	Y         float64    `json:"y"`
	Label     string     `json:"label"`
	ProductID *uuid.UUID `json:"product_id"`
}

// SchemaName is its name in the OpenAPI document.
func (Pin) SchemaName() string { return "RevisionPin" }

// AppendProducts appends the products that are pinned on the photos.
func (c *Content) AppendProducts(into []uuid.UUID) []uuid.UUID {
	for _, photo := range c.Photos {
		for _, pin := range photo.Pins {
			if pin.ProductID != nil {
				into = append(into, *pin.ProductID)
			}
		}
	}
	return into
}

// Distinct sorts ids and drops repetitions, in place.
func Distinct(ids []uuid.UUID) []uuid.UUID {
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(ids)
}
