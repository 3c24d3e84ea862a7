package access

import (
	"time"

	"atrium/platform/tasks"
)

// Schedules are the package's periodic work.
func Schedules(k *Keys) []tasks.Schedule {
	return []tasks.Schedule{{Name: "auth.rotate_keys", Every: time.Hour, Run: k.RotateDue}}
}
