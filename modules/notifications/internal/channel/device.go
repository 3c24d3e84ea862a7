package channel

import (
	"time"

	"github.com/google/uuid"
)

// Device is an installation of the app that receives pushes. A token belongs to one person at a time.
type Device struct {
	UserID         uuid.UUID `gorm:"primaryKey"`
	InstallationID string    `gorm:"primaryKey"`
	Platform       string
	Token          string
	Locale         string
	Timezone       string
	UpdatedAt      time.Time
}
