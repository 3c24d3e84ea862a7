// Package post is the writing side of posts: publish, edit, delete, restore.
package post

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/content"
	"atrium/modules/posts/internal/words"
	"atrium/platform/fault"
	"atrium/platform/text"
)

// The bounds of a post. Texts are measured in characters as people see them.
const (
	maxCaption = 2000
	maxPhotos  = 10
	maxPins    = 20 // on one photo
	maxAlt     = 1000
	maxLabel   = 100
)

// Post is a row of posts.
type Post struct {
	ID            uuid.UUID `gorm:"primaryKey"`
	AuthorID      uuid.UUID
	Caption       string
	Room          *string
	Style         *string
	Visibility    string
	CountsHidden  bool
	CommentPolicy string
	Search        string // the caption's terms, folded
}

// Image is a photo's place in a post.
type Image struct {
	PostID   uuid.UUID
	Position int
	PhotoID  uuid.UUID
	Alt      *string
	FocalX   *float64
	FocalY   *float64
}

// TableName is the table's name.
func (Image) TableName() string { return "post_images" }

// Pin is a marked place on a photo of a post.
type Pin struct {
	PostID    uuid.UUID
	PhotoID   uuid.UUID
	Position  int
	X, Y      float64
	ProductID *uuid.UUID
	Label     string
}

// TableName is the table's name.
func (Pin) TableName() string { return "post_product_tags" }

// Tag is a hashtag of a post's caption.
type Tag struct {
	PostID   uuid.UUID
	Tag      string // folded
	Shown    string // as typed
	Position int
}

// TableName is the table's name.
func (Tag) TableName() string { return "post_tags" }

// Draft is what an author wants to say. As JSON it is kept in drafts and revisions.
type Draft struct {
	Caption       string          `json:"caption"`
	Room          *string         `json:"room"`
	Style         *string         `json:"style"`
	Visibility    string          `json:"visibility"`
	CountsHidden  bool            `json:"counts_hidden"`
	CommentPolicy string          `json:"comment_policy"`
	Photos        []content.Photo `json:"photos"`
}

// SchemaName is its name in the OpenAPI document.
func (Draft) SchemaName() string { return "PostContent" }

// Edit changes a draft; nil leaves things as they are.
type Edit struct {
	Caption       *string
	Room          **string
	Style         **string
	Visibility    *string
	CountsHidden  *bool
	CommentPolicy *string
	Photos        *[]content.Photo
}

// photos returns the photos that the edit asks for; none where it leaves them as they are.
func (e Edit) photos() []content.Photo {
	if e.Photos == nil {
		return nil
	}
	return *e.Photos
}

// onto returns the draft after the edit.
func (e Edit) onto(d Draft) Draft {
	if e.Caption != nil {
		d.Caption = *e.Caption
	}
	if e.Room != nil {
		d.Room = *e.Room
	}
	if e.Style != nil {
		d.Style = *e.Style
	}
	if e.Visibility != nil {
		d.Visibility = *e.Visibility
	}
	if e.CountsHidden != nil {
		d.CountsHidden = *e.CountsHidden
	}
	if e.CommentPolicy != nil {
		d.CommentPolicy = *e.CommentPolicy
	}
	if e.Photos != nil {
		d.Photos = *e.Photos
	}
	return d
}

// rules are what a draft is held against.
type rules struct {
	rooms, styles []string
	photos        int                     // at least so many
	products      func(id uuid.UUID) bool // may be pinned
}

// check cleans the draft's texts and returns posts.ErrInvalid with everything that is wrong.
func (r rules) check(d *Draft) error {
	var wrong []fault.Field
	report := func(pointer, detail string) {
		if detail != "" {
			wrong = append(wrong, fault.Field{Pointer: pointer, Detail: detail})
		}
	}
	clean := func(written *string, limit int, pointer string) {
		line, err := text.Line(*written, limit)
		if *written = line; err != nil {
			report(pointer, err.Error())
		}
	}
	caption, err := text.Block(d.Caption, maxCaption)
	if d.Caption = caption; err != nil {
		report("/body/caption", err.Error())
	}
	report("/body/room", unlisted(d.Room, r.rooms))
	report("/body/style", unlisted(d.Style, r.styles))
	report("/body/visibility", unlisted(&d.Visibility, []string{posts.Public, posts.Followers, posts.Private}))
	report("/body/comment_policy", unlisted(&d.CommentPolicy, []string{posts.CommentsEveryone, posts.CommentsFollowers, posts.CommentsOff}))
	if len(d.Photos) < r.photos || len(d.Photos) > maxPhotos {
		report("/body/photos", fmt.Sprintf("a post has 1 to %d photos", maxPhotos))
	}
	used := map[uuid.UUID]bool{}
	for i := range d.Photos {
		photo, pointer := &d.Photos[i], fmt.Sprintf("/body/photos/%d", i)
		if used[photo.ID] {
			report(pointer+"/upload_id", "is in the post already")
		}
		used[photo.ID] = true
		if photo.Alt != nil {
			clean(photo.Alt, maxAlt, pointer+"/alt")
		}
		r.checkPins(photo.Pins, pointer, clean, report)
	}
	if len(wrong) > 0 {
		return fault.Invalid(posts.ErrInvalid.Code, posts.ErrInvalid.Message, wrong...)
	}
	return nil
}

func (r rules) checkPins(pins []content.Pin, pointer string, clean func(*string, int, string), report func(pointer, detail string)) {
	if len(pins) > maxPins {
		report(pointer+"/pins", fmt.Sprintf("a photo has at most %d pins", maxPins))
	}
	for j := range pins {
		pin, at := &pins[j], fmt.Sprintf("%s/pins/%d", pointer, j)
		if !(pin.X >= 0 && pin.X <= 1) {
			report(at+"/x", "must be between 0 and 1")
		}
		if !(pin.Y >= 0 && pin.Y <= 1) {
			report(at+"/y", "must be between 0 and 1")
		}
		clean(&pin.Label, maxLabel, at+"/label")
		if pin.ProductID != nil && !r.products(*pin.ProductID) {
			report(at+"/product_id", "there is no such product")
		}
	}
}

func unlisted(value *string, list []string) string {
	if value == nil || slices.Contains(list, *value) {
		return ""
	}
	return "is not one of those in GET /v1/config"
}

// row returns the post that says what the draft says.
func (d Draft) row(id, author uuid.UUID) Post {
	return Post{ID: id, AuthorID: author, Caption: d.Caption, Room: d.Room, Style: d.Style, Visibility: d.Visibility,
		CountsHidden: d.CountsHidden, CommentPolicy: d.CommentPolicy, Search: words.SearchText(d.Caption)}
}

// parts returns what the draft writes beside the post's row.
func (d Draft) parts(id uuid.UUID) (images []Image, pins []Pin, tags []Tag) {
	for i, photo := range d.Photos {
		image := Image{PostID: id, Position: i, PhotoID: photo.ID, Alt: photo.Alt}
		if photo.Focal != nil {
			image.FocalX, image.FocalY = &photo.Focal.X, &photo.Focal.Y
		}
		images = append(images, image)
		for j, pin := range photo.Pins {
			pins = append(pins, Pin{PostID: id, PhotoID: photo.ID, Position: j, X: pin.X, Y: pin.Y, ProductID: pin.ProductID, Label: pin.Label})
		}
	}
	return images, pins, tagsOf(id, d.Caption)
}

// tagsOf returns the rows of a caption's hashtags.
func tagsOf(id uuid.UUID, caption string) (tags []Tag) {
	for i, tag := range text.Tags(caption) {
		tags = append(tags, Tag{PostID: id, Tag: tag.Key, Shown: tag.Text, Position: i})
	}
	return tags
}

// Equal reports whether two drafts say the same.
func (d Draft) Equal(other Draft) bool { return reflect.DeepEqual(d, other) }

// draftOf returns what a post says now.
func draftOf(c *content.Content) Draft {
	return Draft{Caption: c.Caption, Room: c.Room, Style: c.Style, Visibility: c.Visibility,
		CountsHidden: c.CountsHidden, CommentPolicy: c.CommentPolicy, Photos: c.Photos}
}

// PhotoIDs returns the photos in their order.
func PhotoIDs(photos []content.Photo) []uuid.UUID {
	ids := make([]uuid.UUID, len(photos))
	for i, p := range photos {
		ids[i] = p.ID
	}
	return ids
}

// Without returns the ids that are not among others.
func Without(ids, others []uuid.UUID) []uuid.UUID {
	var rest []uuid.UUID
	for _, id := range ids {
		if !slices.Contains(others, id) {
			rest = append(rest, id)
		}
	}
	return rest
}

// pinned returns the products pinned on the photos, each once.
func pinned(photos []content.Photo) []uuid.UUID {
	var ids []uuid.UUID
	for _, photo := range photos {
		for _, pin := range photo.Pins {
			if pin.ProductID != nil && !slices.Contains(ids, *pin.ProductID) {
				ids = append(ids, *pin.ProductID)
			}
		}
	}
	return ids
}
