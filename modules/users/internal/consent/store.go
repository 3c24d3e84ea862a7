package consent

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"

	"atrium/platform/database"
)

// consent is a row of user_consents: a person agreed to one version of a document.
type consent struct {
	UserID   uuid.UUID
	Document string
	Version  string
}

// TableName is user_consents.
func (consent) TableName() string { return "user_consents" }

// store keeps user_consents.
type store struct{ db *database.DB }

// agree records a consent. Idempotent.
func (s store) agree(ctx context.Context, c consent) error {
	return s.db.Conn(ctx).Clauses(clause.OnConflict{DoNothing: true}).Select("user_id", "document", "version").Create(&c).Error
}

// agreed returns the versions to which a person agreed, by document.
func (s store) agreed(ctx context.Context, id uuid.UUID) (map[string][]string, error) {
	var rows []consent
	err := s.db.Conn(ctx).Find(&rows, "user_id = ?", id).Error
	agreed := map[string][]string{}
	for _, row := range rows {
		agreed[row.Document] = append(agreed[row.Document], row.Version)
	}
	return agreed, err
}
