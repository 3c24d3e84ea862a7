package main

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"
)

// The tables as one would map them without thinking of speed. They have all indexes that the product's own statements use.
type (
	post struct {
		ID           uuid.UUID `json:"id"`
		AuthorID     uuid.UUID `json:"-"`
		Author       user      `json:"author"`
		Caption      string    `json:"caption"`
		Room         *string   `json:"room"`
		Style        *string   `json:"style"`
		Visibility   string    `json:"visibility"`
		LikeCount    int64     `json:"likes"`
		CommentCount int64     `json:"comments"`
		SaveCount    int64     `json:"saves"`
		CreatedAt    time.Time `json:"created_at"`
		Images       []image   `json:"photos"`
		Likes        []like    `json:"liked"` // the viewer's, if any
		Saves        []save    `json:"saved"`
	}
	user struct {
		ID          uuid.UUID `json:"id"`
		Handle      string    `json:"handle"`
		DisplayName string    `json:"display_name"`
		AvatarID    uuid.UUID `json:"avatar_id"`
	}
	image struct {
		PostID   uuid.UUID `gorm:"primaryKey" json:"-"`
		PhotoID  uuid.UUID `gorm:"primaryKey" json:"-"`
		Position int       `json:"-"`
		Photo    upload    `json:"photo"`
		Pins     []pin     `gorm:"foreignKey:PostID,PhotoID;references:PostID,PhotoID" json:"pins"`
	}
	upload struct {
		ID        uuid.UUID       `json:"id"`
		PublicKey string          `json:"key"`
		Width     int             `json:"width"`
		Height    int             `json:"height"`
		Blurhash  string          `json:"blurhash"`
		Palette   json.RawMessage `json:"palette"`
		Sizes     json.RawMessage `json:"sizes"`
	}
	pin struct {
		PostID    uuid.UUID `gorm:"primaryKey" json:"-"`
		PhotoID   uuid.UUID `gorm:"primaryKey" json:"-"`
		Position  int       `gorm:"primaryKey" json:"-"`
		X         float64   `json:"x"`
		Y         float64   `json:"y"`
		Label     string    `json:"label"`
		ProductID uuid.UUID `json:"-"`
		Product   product   `json:"product"`
	}
	product struct {
		ID            uuid.UUID `json:"id"`
		Slug          string    `json:"slug"`
		Name          string    `json:"name"`
		Brand         string    `json:"brand"`
		PriceAmount   int64     `json:"price"`
		PriceCurrency string    `json:"currency"`
	}
	like struct {
		PostID uuid.UUID `gorm:"primaryKey" json:"-"`
		UserID uuid.UUID `gorm:"primaryKey" json:"by"`
	}
	save struct {
		PostID uuid.UUID `gorm:"primaryKey" json:"-"`
		UserID uuid.UUID `gorm:"primaryKey" json:"by"`
	}
)

func (image) TableName() string { return "post_images" }
func (pin) TableName() string   { return "post_product_tags" }
func (like) TableName() string  { return "post_likes" }
func (save) TableName() string  { return "post_saves" }

// newest is the first page of the viewer's feed: one query, and one more for each relation.
func newest(db *gorm.DB, viewer uuid.UUID) (page []post, err error) {
	err = db.
		Where(`posts.deleted_at IS NULL AND posts.visibility = 'public' AND
			(posts.author_id = ? OR posts.author_id IN (SELECT followee_id FROM user_follows WHERE follower_id = ?))`, viewer, viewer).
		Order("posts.created_at DESC, posts.id DESC").Limit(20).
		Preload("Author").
		Preload("Images", func(tx *gorm.DB) *gorm.DB { return tx.Order("position") }).Preload("Images.Photo").
		Preload("Images.Pins").Preload("Images.Pins.Product").
		Preload("Likes", "user_id = ?", viewer).Preload("Saves", "user_id = ?", viewer).
		Find(&page).Error
	return page, err
}
