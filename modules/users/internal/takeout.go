package internal

import (
	"atrium/platform/database"
	"atrium/platform/takeout"
)

// Takeout is what the module hands out of what it keeps about a person.
func Takeout(db *database.DB) takeout.Part {
	return takeout.Tables(db, "users",
		takeout.Table{Name: "profile", Select: `SELECT id, handle, display_name, bio, avatar_id, cover_id, is_private, email, email_verified, roles,
			followers, following, posts, suspended_at, created_at, updated_at FROM users WHERE id = @user`},
		takeout.Table{Name: "handles", Select: `SELECT handle, expires_at FROM user_handles WHERE user_id = @user`},
		takeout.Table{Name: "settings", Select: `SELECT * FROM user_settings WHERE user_id = @user`},
		takeout.Table{Name: "consents", Select: `SELECT document, version, agreed_at FROM user_consents WHERE user_id = @user`},
		takeout.Table{Name: "following", Key: "user_id", Select: `SELECT followee_id AS user_id, created_at FROM user_follows WHERE follower_id = @user`},
		takeout.Table{Name: "followers", Key: "user_id", Select: `SELECT follower_id AS user_id, created_at FROM user_follows WHERE followee_id = @user`},
		takeout.Table{Name: "follow_requests_sent", Key: "user_id", Select: `SELECT followee_id AS user_id, created_at FROM follow_requests WHERE follower_id = @user`},
		takeout.Table{Name: "follow_requests_received", Key: "user_id", Select: `SELECT follower_id AS user_id, created_at FROM follow_requests WHERE followee_id = @user`},
		takeout.Table{Name: "blocks", Key: "user_id", Select: `SELECT blocked_id AS user_id, created_at FROM user_blocks WHERE blocker_id = @user`},
		takeout.Table{Name: "mutes", Key: "user_id", Select: `SELECT muted_id AS user_id, created_at, expires_at FROM user_mutes WHERE muter_id = @user`},
		takeout.Table{Name: "muted_terms", Select: `SELECT kind, term, created_at, expires_at FROM user_muted_terms WHERE user_id = @user`},
		takeout.Table{Name: "dismissed", Key: "user_id", Select: `SELECT dismissed_id AS user_id, created_at FROM user_dismissals WHERE user_id = @user`},
		takeout.Table{Name: "exports", Key: "id", Select: `SELECT id, status, requested_at, expires_at FROM user_exports WHERE user_id = @user`},
	)
}
