// Package takeout hands out what posts keeps about a person.
package takeout

import (
	"atrium/platform/database"
	"atrium/platform/takeout"
)

// Part is the module's part of a person's archive. Photos are named by their ids; their files are in the folder uploads.
func Part(db *database.DB) takeout.Part {
	return takeout.Tables(db, "posts",
		takeout.Table{Name: "posts", Key: "id", Select: `SELECT id, caption, room, style, visibility, created_at, updated_at, deleted_at,
			(SELECT jsonb_agg(jsonb_build_object('photo_id', i.photo_id, 'alt', i.alt) ORDER BY i.position) FROM post_images i WHERE i.post_id = p.id) AS photos,
			(SELECT jsonb_agg(jsonb_build_object('photo_id', g.photo_id, 'x', g.x, 'y', g.y, 'product_id', g.product_id, 'label', g.label)
				ORDER BY g.photo_id, g.position) FROM post_product_tags g WHERE g.post_id = p.id) AS pins
			FROM posts p WHERE author_id = @user`},
		takeout.Table{Name: "comments", Key: "id", Select: `SELECT id, post_id, parent_id, text, created_at, edited_at FROM post_comments
			WHERE author_id = @user AND deleted_at IS NULL`},
		takeout.Table{Name: "likes", Key: "post_id", Select: `SELECT post_id, created_at FROM post_likes WHERE user_id = @user`},
		takeout.Table{Name: "saves", Key: "post_id", Select: `SELECT post_id, created_at FROM post_saves WHERE user_id = @user`},
		takeout.Table{Name: "followed_tags", Select: `SELECT tag, created_at FROM post_tag_follows WHERE user_id = @user ORDER BY created_at, tag`},
	)
}
