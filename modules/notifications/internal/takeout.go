package internal

import (
	"atrium/platform/database"
	"atrium/platform/takeout"
)

// Takeout is what the module hands out of what it keeps about a person.
func Takeout(db *database.DB) takeout.Part {
	return takeout.Tables(db, "notifications",
		takeout.Table{Name: "notifications", Key: "id", Select: `SELECT id, type, subject_type, subject_id, actor_id, read_at, created_at
			FROM notifications WHERE recipient_id = @user`},
		takeout.Table{Name: "devices", Select: `SELECT installation_id, platform, locale, timezone, updated_at FROM devices WHERE user_id = @user`},
		takeout.Table{Name: "settings", Select: `SELECT types, version FROM notification_settings WHERE user_id = @user`},
	)
}
