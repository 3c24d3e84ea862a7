package channel

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"

	"atrium/modules/notifications/internal/notification"
	"atrium/platform/database"
)

// Store keeps settings and devices.
type Store struct{ db *database.DB }

// NewStore keeps them in db.
func NewStore(db *database.DB) *Store { return &Store{db: db} }

// devicesPerPerson bounds the pushes of one notification. The devices that registered longest ago are removed first.
const devicesPerPerson = 20

// PutDevice registers an installation: its token leaves whoever had it before.
func (s *Store) PutDevice(ctx context.Context, d Device) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		conn := s.db.Conn(ctx)
		if err := conn.Exec(`DELETE FROM devices WHERE token = ? AND (user_id, installation_id) <> (?, ?)`, d.Token, d.UserID, d.InstallationID).Error; err != nil {
			return err
		}
		err := conn.Exec(`INSERT INTO devices (installation_id, user_id, platform, token, locale, timezone) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (user_id, installation_id) DO UPDATE SET platform = excluded.platform, token = excluded.token,
			locale = excluded.locale, timezone = excluded.timezone, updated_at = now()`,
			d.InstallationID, d.UserID, d.Platform, d.Token, d.Locale, d.Timezone).Error
		if err != nil {
			return err
		}
		return conn.Exec(`DELETE FROM devices WHERE user_id = ? AND installation_id NOT IN
			(SELECT installation_id FROM devices WHERE user_id = ? ORDER BY updated_at DESC, installation_id LIMIT ?)`, d.UserID, d.UserID, devicesPerPerson).Error
	})
}

// RemoveDevice forgets an installation of the user; an unknown one is no error.
func (s *Store) RemoveDevice(ctx context.Context, user uuid.UUID, installation string) error {
	return s.db.Conn(ctx).Exec(`DELETE FROM devices WHERE user_id = ? AND installation_id = ?`, user, installation).Error
}

// RemoveDevices forgets all of the user's installations; the app registers its own again when the user comes back.
func (s *Store) RemoveDevices(ctx context.Context, user uuid.UUID) error {
	return s.db.Conn(ctx).Exec(`DELETE FROM devices WHERE user_id = ?`, user).Error
}

// PurgeToken forgets a token that the push service does not know any more.
func (s *Store) PurgeToken(ctx context.Context, token string) error {
	return s.db.Conn(ctx).Exec(`DELETE FROM devices WHERE token = ?`, token).Error
}

// Devices lists the installations of people, by person.
func (s *Store) Devices(ctx context.Context, people ...uuid.UUID) (map[uuid.UUID][]Device, error) {
	if len(people) == 0 {
		return nil, nil
	}
	var found []Device
	if err := s.db.Conn(ctx).Where("user_id = ANY(?)", database.Array(people)).Order("installation_id").Find(&found).Error; err != nil {
		return nil, err
	}
	devices := map[uuid.UUID][]Device{}
	for _, d := range found {
		devices[d.UserID] = append(devices[d.UserID], d)
	}
	return devices, nil
}

// Settings reads people's settings, by person; who has set nothing has empty ones, at version 1.
func (s *Store) Settings(ctx context.Context, people ...uuid.UUID) (map[uuid.UUID]Settings, error) {
	var found []Settings
	if err := s.db.Conn(ctx).Find(&found, "user_id = ANY(?)", database.Array(people)).Error; err != nil {
		return nil, err
	}
	settings := make(map[uuid.UUID]Settings, len(people))
	for _, id := range people {
		settings[id] = Settings{UserID: id, Types: map[notification.Type]Channels{}, Version: 1}
	}
	for _, one := range found {
		settings[one.UserID] = one
	}
	return settings, nil
}

// LockSettings makes sure that the row is there and locks it in the open transaction.
func (s *Store) LockSettings(ctx context.Context, user uuid.UUID) (Settings, error) {
	conn := s.db.Conn(ctx)
	if err := conn.Exec(`INSERT INTO notification_settings (user_id) VALUES (?) ON CONFLICT DO NOTHING`, user).Error; err != nil {
		return Settings{}, err
	}
	var settings Settings
	err := conn.Clauses(clause.Locking{Strength: "UPDATE"}).Take(&settings, "user_id = ?", user).Error
	return settings, err
}

// SaveSettings writes the settings.
func (s *Store) SaveSettings(ctx context.Context, settings Settings) error {
	return s.db.Conn(ctx).Save(&settings).Error
}

// RemovePerson removes a person's devices and settings.
func (s *Store) RemovePerson(ctx context.Context, user uuid.UUID) error {
	err := s.RemoveDevices(ctx, user)
	if err == nil {
		err = s.db.Conn(ctx).Exec(`DELETE FROM notification_settings WHERE user_id = ?`, user).Error
	}
	return err
}
