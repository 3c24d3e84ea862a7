package importer

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/uploads"
	"atrium/platform/database"
)

// Import is a row of the table upload_imports: a picture that is wanted and not yet a photo.
type Import struct {
	UploadID  uuid.UUID `gorm:"primaryKey"`
	OwnerID   uuid.UUID
	URL       string
	CreatedAt time.Time
}

// TableName is where imports are kept.
func (Import) TableName() string { return "upload_imports" }

// Store keeps imports in PostgreSQL.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db} }

func (s *Store) insert(ctx context.Context, i Import) error {
	return s.db.Conn(ctx).Omit("CreatedAt").Create(&i).Error
}

// Find returns an import that has not ended, or uploads.ErrNotFound.
func (s *Store) Find(ctx context.Context, id uuid.UUID) (*Import, error) {
	var i Import
	err := s.db.Conn(ctx).Where("upload_id = ?", id).Take(&i).Error
	return &i, database.OrNotFound(err, uploads.ErrNotFound)
}

// lock keeps an import from being deleted until the transaction ends, and reports whether it is there.
func (s *Store) lock(ctx context.Context, id uuid.UUID) (found bool, err error) {
	var ids []uuid.UUID
	err = s.db.Conn(ctx).Raw(`SELECT upload_id FROM upload_imports WHERE upload_id = ? FOR UPDATE`, id).Scan(&ids).Error
	return len(ids) > 0, err
}

// Finish ends an import whose photo is there, and reports whether there was one.
func (s *Store) Finish(ctx context.Context, id uuid.UUID) (bool, error) {
	done := s.db.Conn(ctx).Exec(`DELETE FROM upload_imports WHERE upload_id = ?`, id)
	return done.RowsAffected > 0, done.Error
}

// Cancel ends imports that no photo comes of. Unknown ids are no error.
func (s *Store) Cancel(ctx context.Context, ids ...uuid.UUID) error {
	return s.db.Conn(ctx).Exec(`DELETE FROM upload_imports WHERE upload_id = ANY(?)`, database.Array(ids)).Error
}

// CancelOwner ends all imports of one person.
func (s *Store) CancelOwner(ctx context.Context, owner uuid.UUID) error {
	return s.db.Conn(ctx).Exec(`DELETE FROM upload_imports WHERE owner_id = ?`, owner).Error
}

// CancelOld ends imports that were asked for longer ago than age.
func (s *Store) CancelOld(ctx context.Context, age time.Duration) error {
	return s.db.Conn(ctx).Exec(`DELETE FROM upload_imports WHERE created_at < now() - make_interval(secs => ?)`, age.Seconds()).Error
}
