// Package card is the reading side of posts: what a post says, its figures, who may see it, and the pages made of them.
// It costs one statement per need and page, never one per post.
package card

import (
	"time"

	"github.com/google/uuid"
)

// Content is what a post says and what moves on it. It is cached: whatever changes a post's row drops it.
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
	Gone          bool // deleted; it may be restored yet
	Likes         int64
	Comments      int64
	Saves         int64
	CountsHidden  bool     // likes and saves are shown to the author only
	CommentPolicy string   // everyone, followers, off
	Tags          []string `gorm:"serializer:json"`
	Photos        []Photo  `gorm:"serializer:json"`
}

// Photo is a photo of a post, in the author's order. A nil Alt leaves the upload's own text, a nil Focal the middle.
type Photo struct {
	ID    uuid.UUID `json:"id"`
	Alt   *string   `json:"alt"`
	Focal *Point    `json:"focal,omitempty"`
	Pins  []Pin     `json:"pins"`
}

// Point is a place on an upright photo.
type Point struct {
	X float64 `json:"x" minimum:"0" maximum:"1" example:"0.42" doc:"0..1 from the left"`
	Y float64 `json:"y" minimum:"0" maximum:"1" example:"0.58" doc:"0..1 from the top"`
}

// Pin marks a place on an upright photo: X and Y in 0..1 from its left and top.
type Pin struct {
	X         float64    `json:"x"`
	Y         float64    `json:"y"`
	Label     string     `json:"label"`
	ProductID *uuid.UUID `json:"product_id"`
}

// Figures are a post in short, with what the viewer did.
type Figures struct {
	ID         uuid.UUID
	AuthorID   uuid.UUID
	Visibility string
	Version    int64
	Likes      int64
	Comments   int64
	Saves      int64
	Own        bool // the viewer is the author
	Liked      bool // by the viewer
	Saved      bool
}

// products adds the products pinned in the content.
func (c *Content) products(into []uuid.UUID) []uuid.UUID {
	for _, photo := range c.Photos {
		for _, pin := range photo.Pins {
			if pin.ProductID != nil {
				into = append(into, *pin.ProductID)
			}
		}
	}
	return into
}
