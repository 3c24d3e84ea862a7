// Package render writes posts as clients see them: the API's Post, whole or as the card that lists are made of. Every answer with a
// post in it comes from here. It decides nothing about who may see what.
package render

import (
	"time"

	"github.com/google/uuid"

	"atrium/modules/posts/internal/content"
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
}

// PostPhoto is a photo with what is pinned on it.
type PostPhoto struct {
	photo.Photo
	FocalPoint *content.Point `json:"focal_point" doc:"what to keep in view where the photo is cropped; null: the middle"`
	Pins       []PostPin      `json:"pins"`
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

// toPost renders a post, as its author sees it (own) or as anybody else does who may.
func toPost(c *content.Content, figures content.Figures, own bool, author users.Ref, photos []PostPhoto) Post {
	counts := PostCounts(figures)
	if c.CountsHidden && !own {
		counts.Likes, counts.Saves = 0, 0
	}
	return Post{
		ID: c.ID, Author: author, Caption: c.Caption, Tags: c.Tags, Room: c.Room, Style: c.Style, Visibility: c.Visibility,
		Photos: photos, Version: c.Version, CreatedAt: c.CreatedAt.UTC(), UpdatedAt: c.UpdatedAt.UTC(),
		Counts: counts, CountsHidden: c.CountsHidden, CommentPolicy: c.CommentPolicy,
	}
}
