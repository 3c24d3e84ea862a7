package internal

import (
	"atrium/platform/database"
	"atrium/platform/takeout"
)

// Takeout is what the module hands out of what it keeps about a person.
func Takeout(db *database.DB) takeout.Part {
	return takeout.Tables(db, "auth",
		takeout.Table{Name: "identities", Key: "id", Select: `SELECT id, provider, subject, email, email_verified, created_at FROM identities WHERE user_id = @user`},
		takeout.Table{Name: "sessions", Key: "id", Select: `SELECT id, kind, provider, installation_id, device_name, platform, app_version,
			signed_in_at, last_seen_at, expires_at, ended_at, end_reason FROM sessions WHERE user_id = @user`},
		takeout.Table{Name: "audit", Key: "id", Select: `SELECT id, at, session_id, event FROM auth_audit WHERE user_id = @user`},
	)
}
