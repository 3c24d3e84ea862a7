package channel

import (
	"context"
	"maps"

	"github.com/google/uuid"

	"atrium/modules/notifications/internal/notification"
	"atrium/platform/database"
	"atrium/platform/etag"
	"atrium/platform/fault"
)

// Service reads and changes settings and devices.
type Service struct {
	db    *database.DB
	store *Store
}

// NewService changes settings in transactions of db.
func NewService(db *database.DB, store *Store) *Service { return &Service{db: db, store: store} }

// Settings returns a person's settings; who has set nothing has empty ones, at version 1.
func (s *Service) Settings(ctx context.Context, user uuid.UUID) (Settings, error) {
	settings, err := s.store.Settings(ctx, user)
	return settings[user], err
}

// ChangeSettings changes the channels of some types; the others stay. It returns a fault for a type that does not exist or cannot be
// changed like this, and the fault of match where the settings have another version. What is so already makes no next version.
func (s *Service) ChangeSettings(ctx context.Context, user uuid.UUID, match etag.Match, types map[notification.Type]Channels) (Settings, error) {
	if err := check(types); err != nil {
		return Settings{}, err
	}
	var settings Settings
	err := s.db.InTx(ctx, func(ctx context.Context) (err error) {
		if settings, err = s.store.LockSettings(ctx, user); err != nil {
			return err
		}
		if err := match.Check(settings.Version); err != nil {
			return err
		}
		if settings.Types == nil {
			settings.Types = map[notification.Type]Channels{}
		}
		before := settings.All()
		maps.Copy(settings.Types, types)
		if !maps.Equal(before, settings.All()) {
			settings.Version++
		}
		return s.store.SaveSettings(ctx, settings)
	})
	return settings, err
}

// check refuses unknown types and changes of mandatory ones.
func check(types map[notification.Type]Channels) error {
	wrong := fault.Invalid("notifications.invalid_settings", "Some settings cannot be changed like this.")
	for kind, channels := range types {
		if _, known := defaults[kind]; !known {
			wrong = wrong.At("/body/types/"+string(kind), "is no type of notification")
		} else if mandatory[kind] && channels != defaults[kind] {
			wrong = wrong.At("/body/types/"+string(kind), "always reaches you: it is about your money or your account")
		}
	}
	if len(wrong.Fields) > 0 {
		return wrong
	}
	return nil
}

// RegisterDevice registers an installation for pushes. Its token leaves whoever had it before. It returns a fault for a time zone
// that does not exist.
func (s *Service) RegisterDevice(ctx context.Context, d Device) error {
	zone, ok := parseZone(d.Timezone)
	if !ok {
		return fault.Invalid("notifications.invalid_device", "The device cannot be registered like this.",
			fault.Field{Pointer: "/body/timezone", Detail: "is no IANA time zone"})
	}
	d.Timezone = zone
	return s.store.PutDevice(ctx, d)
}

// RemoveDevice stops pushes to an installation of the user. Idempotent.
func (s *Service) RemoveDevice(ctx context.Context, user uuid.UUID, installation string) error {
	return s.store.RemoveDevice(ctx, user, installation)
}
