package subscription

import (
	"atrium/platform/database"
	"atrium/platform/dataexport"
)

// DataExport is the module's part of a person's data export.
func DataExport(db *database.DB) dataexport.Part {
	return dataexport.Tables(db, "notifications",
		dataexport.Table{Name: "notifications", Key: "id", Select: `SELECT id, type, subject_type, subject_id, actor_id, read_at, withdrawn_at, created_at
			FROM notifications WHERE recipient_id = @user`},
		dataexport.Table{Name: "devices", Select: `SELECT installation_id, platform, locale, timezone, updated_at FROM devices WHERE user_id = @user`},
		dataexport.Table{Name: "settings", Select: `SELECT types, version FROM notification_settings WHERE user_id = @user`},
	)
}
