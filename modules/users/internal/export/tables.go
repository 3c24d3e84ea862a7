package export

import (
	"atrium/platform/database"
	"atrium/platform/dataexport"
)

// Tables is this module's own part of an archive.
func Tables(db *database.DB) dataexport.Part {
	return dataexport.Tables(db, "users",
		dataexport.Table{Name: "profile", Select: `SELECT id, handle, display_name, bio, avatar_id, cover_id, is_private, email, email_verified, roles,
			followers, following, posts, suspended_at, created_at, updated_at FROM users WHERE id = @user`},
		dataexport.Table{Name: "handles", Select: `SELECT handle, expires_at FROM user_handles WHERE user_id = @user`},
		dataexport.Table{Name: "settings", Select: `SELECT * FROM user_settings WHERE user_id = @user`},
		dataexport.Table{Name: "consents", Select: `SELECT document, version, agreed_at FROM user_consents WHERE user_id = @user`},
		dataexport.Table{Name: "following", Key: "user_id", Select: `SELECT followee_id AS user_id, created_at FROM user_follows WHERE follower_id = @user`},
		dataexport.Table{Name: "followers", Key: "user_id", Select: `SELECT follower_id AS user_id, created_at FROM user_follows WHERE followee_id = @user`},
		dataexport.Table{Name: "follow_requests_sent", Key: "user_id", Select: `SELECT followee_id AS user_id, created_at FROM follow_requests WHERE follower_id = @user`},
		dataexport.Table{Name: "follow_requests_received", Key: "user_id", Select: `SELECT follower_id AS user_id, created_at FROM follow_requests WHERE followee_id = @user`},
		dataexport.Table{Name: "blocks", Key: "user_id", Select: `SELECT blocked_id AS user_id, created_at FROM user_blocks WHERE blocker_id = @user`},
		dataexport.Table{Name: "mutes", Key: "user_id", Select: `SELECT muted_id AS user_id, created_at, expires_at FROM user_mutes WHERE muter_id = @user`},
		dataexport.Table{Name: "muted_terms", Select: `SELECT kind, term, created_at, expires_at FROM user_muted_terms WHERE user_id = @user`},
		dataexport.Table{Name: "dismissed", Key: "user_id", Select: `SELECT dismissed_id AS user_id, created_at FROM user_dismissals WHERE user_id = @user`},
		dataexport.Table{Name: "former_addresses", Key: "id", Select: `SELECT id, previous, changed_at FROM user_email_changes WHERE user_id = @user`},
		dataexport.Table{Name: "exports", Key: "id", Select: `SELECT id, status, requested_at, expires_at FROM user_exports WHERE user_id = @user`},
	)
}
