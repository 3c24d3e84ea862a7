package personaldata

import (
	"atrium/platform/database"
	"atrium/platform/dataexport"
)

// DataExport is the module's part of a person's data export.
func DataExport(db *database.DB) dataexport.Part {
	return dataexport.Tables(db, "auth",
		dataexport.Table{Name: "identities", Key: "id", Select: `SELECT id, provider, subject, email, email_verified, created_at FROM identities WHERE user_id = @user`},
		dataexport.Table{Name: "sessions", Key: "id", Select: `SELECT id, kind, provider, installation_id, device_name, platform, app_version,
			signed_in_at, last_seen_at, expires_at, ended_at, end_reason FROM sessions WHERE user_id = @user`},
		dataexport.Table{Name: "audit", Key: "id", Select: `SELECT id, at, session_id, event FROM auth_audit WHERE user_id = @user`},
	)
}
