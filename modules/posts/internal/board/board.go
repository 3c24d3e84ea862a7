// Package board is where people gather posts and products, their own and others', in an order of their own.
package board

import (
	"time"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/render"
	"atrium/modules/products"
	"atrium/platform/photo"
	"atrium/platform/text"
)

// The bounds of boards.
const (
	maxBoards      = 200 // of one person
	maxItems       = 500 // on one board
	maxTitle       = 100
	maxDescription = 500
)

// The kinds of items.
const (
	kindPost    = "post"
	kindProduct = "product"
)

// Board is a row of boards.
type Board struct {
	ID          uuid.UUID `gorm:"primaryKey"`
	OwnerID     uuid.UUID
	Title       string
	Description string
	Visibility  string
	CoverKind   *string
	CoverID     *uuid.UUID
	Version     int64     `gorm:"default:1"`
	CreatedAt   time.Time `gorm:"autoCreateTime:false;default:now()"`
	UpdatedAt   time.Time `gorm:"autoUpdateTime:false;default:now()"`
	Rows        int64     `gorm:"->;-:migration"` // how many items it has, whoever sees them; only where it is locked
}

// Thing names an item.
type Thing struct {
	Kind string    `json:"type" enum:"post,product"`
	ID   uuid.UUID `json:"id"`
}

// Item is a thing on a board. Post or Product is what the viewer sees of it; neither: nothing.
type Item struct {
	BoardID uuid.UUID
	Kind    string
	ItemID  uuid.UUID
	Rank    string
	AddedAt time.Time
	Post    *render.Post  `gorm:"-"`
	Product *products.Ref `gorm:"-"`
}

// held is how many living posts of an author and a visibility are on a board.
type held struct {
	BoardID    uuid.UUID
	AuthorID   uuid.UUID
	Visibility string
	Posts      int64
}

// spot is the item's place on its board: what a cursor holds.
type spot struct {
	Rank string    `json:"r"`
	ID   uuid.UUID `json:"i"`
}

// photo returns the item's first photo, nil without one.
func (i Item) photo() *photo.Photo {
	switch {
	case i.Post != nil && len(i.Post.Photos) > 0:
		return &i.Post.Photos[0].Photo
	case i.Product != nil:
		return i.Product.Photo
	}
	return nil
}

// Place says where on a board an item goes. The zero Place is the end, for an item that is new; one that is there stays.
type Place struct {
	Given bool
	After *Thing // nil: before all
}

// Edit changes a board; nil leaves things as they are.
type Edit struct {
	Title       *string
	Description *string
	Visibility  *string
	Cover       **Thing
}

// onto returns the board after the edit.
func (e Edit) onto(b Board) Board {
	if e.Title != nil {
		b.Title = *e.Title
	}
	if e.Description != nil {
		b.Description = *e.Description
	}
	if e.Visibility != nil {
		b.Visibility = *e.Visibility
	}
	if e.Cover != nil {
		b.CoverKind, b.CoverID = nil, nil
		if thing := *e.Cover; thing != nil {
			b.CoverKind, b.CoverID = &thing.Kind, &thing.ID
		}
	}
	return b
}

// clean brings the board's texts into the form in which they are kept, or returns posts.ErrInvalid with everything that is wrong.
func (b *Board) clean() error {
	return text.Clean(posts.ErrInvalid,
		text.Input{Pointer: "/body/title", Text: &b.Title, Limit: maxTitle, Required: true},
		text.Input{Pointer: "/body/description", Text: &b.Description, Limit: maxDescription, Block: true})
}
