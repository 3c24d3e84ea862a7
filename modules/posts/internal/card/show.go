package card

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/products"
	"atrium/modules/users"
	"atrium/platform/photo"
)

// Post is a post as clients see it: the API's Post.
type Post struct {
	ID            uuid.UUID   `json:"id"`
	Author        users.Ref   `json:"author"`
	Caption       string      `json:"caption"`
	Tags          []string    `json:"tags" doc:"hashtags of the caption, in lower case, without #"`
	Room          *string     `json:"room" example:"living"`
	Style         *string     `json:"style" example:"japandi"`
	Visibility    string      `json:"visibility" enum:"public,followers,private"`
	Photos        []PostPhoto `json:"photos"`
	Counts        PostCounts  `json:"counts"`
	CountsHidden  bool        `json:"counts_hidden" doc:"likes and saves are shown to the author only; others read 0"`
	CommentPolicy string      `json:"comment_policy" enum:"everyone,followers,off" doc:"who may comment"`
	Viewer        PostViewer  `json:"viewer"`
	Version       int64       `json:"version"`
	CreatedAt     time.Time   `json:"created_at"`
	UpdatedAt     time.Time   `json:"updated_at"`

	written *written // of a card in a list
}

// PostPhoto is a photo with what is pinned on it.
type PostPhoto struct {
	photo.Photo
	FocalPoint *Point    `json:"focal_point" doc:"what to keep in view where the photo is cropped; null: the middle"`
	Pins       []PostPin `json:"pins"`
}

// PostPin is a marked place on a photo. Product is null where none is named, or where it is gone.
type PostPin struct {
	X       float64       `json:"x" doc:"0..1 from the left of the upright photo"`
	Y       float64       `json:"y" doc:"0..1 from its top"`
	Label   string        `json:"label"`
	Product *products.Ref `json:"product"`
}

// PostCounts are a post's figures.
type PostCounts struct {
	Likes    int64 `json:"likes"`
	Comments int64 `json:"comments"`
	Saves    int64 `json:"saves"`
}

// PostViewer is what the one who asks did with the post.
type PostViewer struct {
	Liked bool `json:"liked"`
	Saved bool `json:"saved"`
}

// around is everything that the cards of one page need from other modules, fetched once each.
type around struct {
	people   map[uuid.UUID]users.Ref
	photos   map[uuid.UUID]photo.Photo
	products map[uuid.UUID]products.Ref
}

// Dress returns the photos of contents with their pins and products, by the content's id. It asks nobody's sight.
func (d *Deck) Dress(ctx context.Context, contents map[uuid.UUID]*Content) (map[uuid.UUID][]PostPhoto, error) {
	all, err := d.around(ctx, contents)
	if err != nil {
		return nil, err
	}
	dressed := make(map[uuid.UUID][]PostPhoto, len(contents))
	for id, content := range contents {
		dressed[id] = all.dress(content, true)
	}
	return dressed, nil
}

func (d *Deck) around(ctx context.Context, contents map[uuid.UUID]*Content) (all around, err error) {
	var people, photos, pinned []uuid.UUID
	for _, c := range contents {
		people = append(people, c.AuthorID)
		for _, p := range c.Photos {
			photos = append(photos, p.ID)
		}
		pinned = c.products(pinned)
	}
	if all.people, err = d.people.Refs(ctx, unique(people)); err != nil {
		return all, err
	}
	if all.photos, err = d.library.Photos(ctx, unique(photos)); err != nil {
		return all, err
	}
	if len(pinned) > 0 {
		all.products, err = d.catalogue.Refs(ctx, unique(pinned))
	}
	return all, err
}

// dress adds the photos and products. A photo that is gone is left out.
func (all around) dress(c *Content, whole bool) []PostPhoto {
	photos := make([]PostPhoto, 0, len(c.Photos))
	for _, p := range c.Photos {
		picture, ok := all.photos[p.ID]
		if !ok {
			continue
		}
		if !whole {
			picture = picture.Brief()
		}
		if p.Alt != nil {
			picture.Alt = *p.Alt
		}
		pins := make([]PostPin, len(p.Pins))
		for i, pin := range p.Pins {
			pins[i] = PostPin{X: pin.X, Y: pin.Y, Label: pin.Label, Product: all.product(pin.ProductID)}
		}
		photos = append(photos, PostPhoto{Photo: picture, FocalPoint: p.Focal, Pins: pins})
	}
	return photos
}

func (all around) product(id *uuid.UUID) *products.Ref {
	if id == nil {
		return nil
	}
	if ref, ok := all.products[*id]; ok {
		return &ref
	}
	return nil
}

// toPost makes the card of a post, as its author sees it (own) or as anybody else does who may.
func toPost(c *Content, own bool, author users.Ref, photos []PostPhoto) Post {
	counts := PostCounts{Likes: c.Likes, Comments: c.Comments, Saves: c.Saves}
	if c.CountsHidden && !own {
		counts.Likes, counts.Saves = 0, 0
	}
	return Post{
		ID: c.ID, Author: author, Caption: c.Caption, Tags: c.Tags, Room: c.Room, Style: c.Style, Visibility: c.Visibility,
		Photos: photos, Version: c.Version, CreatedAt: c.CreatedAt.UTC(), UpdatedAt: c.UpdatedAt.UTC(),
		Counts: counts, CountsHidden: c.CountsHidden, CommentPolicy: c.CommentPolicy,
	}
}
