package personaldata

import (
	"atrium/platform/database"
	"atrium/platform/dataexport"
)

// Export is the module's part of a person's archive. Photos are named by their ids; their files are in the folder uploads.
func Export(db *database.DB) dataexport.Part {
	return dataexport.Tables(db, "posts",
		dataexport.Table{Name: "posts", Key: "id", Select: `SELECT id, caption, room, style, visibility, created_at, updated_at, deleted_at,
			(SELECT jsonb_agg(jsonb_build_object('version', r.version, 'said', r.said, 'written_at', r.written_at) ORDER BY r.version)
				FROM post_revisions r WHERE r.post_id = p.id) AS revisions,
			(SELECT jsonb_agg(jsonb_build_object('photo_id', i.photo_id, 'alt', i.alt) ORDER BY i.position) FROM post_images i WHERE i.post_id = p.id) AS photos,
			(SELECT jsonb_agg(jsonb_build_object('photo_id', g.photo_id, 'x', g.x, 'y', g.y, 'product_id', g.product_id, 'label', g.label)
				ORDER BY g.photo_id, g.position) FROM post_product_tags g WHERE g.post_id = p.id) AS pins
			FROM posts p WHERE author_id = @user`},
		dataexport.Table{Name: "comments", Key: "id", Select: `SELECT id, post_id, parent_id, text, created_at, edited_at FROM post_comments
			WHERE author_id = @user AND deleted_at IS NULL`},
		dataexport.Table{Name: "likes", Key: "post_id", Select: `SELECT post_id, created_at FROM post_likes WHERE user_id = @user`},
		dataexport.Table{Name: "saves", Key: "post_id", Select: `SELECT post_id, created_at FROM post_saves WHERE user_id = @user`},
		dataexport.Table{Name: "drafts", Key: "id", Select: `SELECT id, said, publish_at, created_at, updated_at FROM post_drafts
			WHERE author_id = @user AND post_id IS NULL`},
		dataexport.Table{Name: "boards", Key: "id", Select: `SELECT id, title, description, visibility, cover_kind, cover_id, created_at, updated_at,
			(SELECT jsonb_agg(jsonb_build_object('kind', i.kind, 'id', i.item_id, 'added_at', i.added_at) ORDER BY i.rank, i.kind, i.item_id)
				FROM board_items i WHERE i.board_id = b.id) AS items
			FROM boards b WHERE owner_id = @user`},
		dataexport.Table{Name: "comment_filter", Select: `SELECT words, updated_at FROM post_comment_filters WHERE author_id = @user`},
		dataexport.Table{Name: "followed_tags", Select: `SELECT coalesce(shown, tag) AS tag, created_at FROM post_tag_follows WHERE user_id = @user ORDER BY created_at, post_tag_follows.tag`},
	)
}
