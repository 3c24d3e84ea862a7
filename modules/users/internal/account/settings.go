package account

import (
	"context"
	"reflect"
	"time"

	"github.com/google/uuid"
	"golang.org/x/text/currency"
	"golang.org/x/text/language"

	"atrium/platform/etag"
	"atrium/platform/fault"
)

const (
	metric   = "metric"
	imperial = "imperial"
)

// settings are a row of user_settings.
type settings struct {
	UserID            uuid.UUID `gorm:"primaryKey"`
	Language          string
	Measurement       string
	AreaUnit          string
	Currency          string
	DefaultVisibility string
	QuietFrom         *string // HH:MM; both or neither
	QuietTo           *string
	Version           int64
	UpdatedAt         time.Time
}

// quietHours are the hours of the day in which pushes wait, where the person is.
type quietHours struct {
	From string `json:"from" example:"22:00"`
	To   string `json:"to" example:"07:30"`
}

func (s settings) quiet() *quietHours {
	if s.QuietFrom == nil || s.QuietTo == nil {
		return nil
	}
	return &quietHours{From: *s.QuietFrom, To: *s.QuietTo}
}

// TableName is user_settings.
func (settings) TableName() string { return "user_settings" }

// defaultSettings returns the settings of somebody new, as their language suggests.
func defaultSettings(id uuid.UUID, spoken string) *settings {
	s := &settings{UserID: id, Language: "en", Measurement: metric, AreaUnit: "m2", Currency: "EUR", DefaultVisibility: "public", Version: 1}
	tag, err := language.Parse(spoken)
	if err != nil || spoken == "" {
		return s
	}
	s.Language = tag.String()
	region, sure := tag.Region()
	if sure < language.High {
		return s
	}
	if unit, ok := currency.FromRegion(region); ok {
		s.Currency = unit.String()
	}
	switch region.String() {
	case "US":
		s.Measurement, s.AreaUnit = imperial, "ft2"
	case "KR":
		s.AreaUnit = "pyeong"
	}
	return s
}

// settingsEdit changes settings; nil leaves a value as it is.
type settingsEdit struct {
	Language          *string
	Measurement       *string
	AreaUnit          *string
	Currency          *string
	DefaultVisibility *string
	QuietHours        nullableHours
}

// apply checks the edit and changes the settings.
func (e settingsEdit) apply(s *settings) error {
	invalid, bad := fault.Invalid("users.invalid_settings", "The settings cannot be saved like this."), false
	if e.Language != nil {
		tag, err := language.Parse(*e.Language)
		if err != nil {
			invalid, bad = invalid.At("/body/language", "must be a BCP 47 language tag"), true
		}
		s.Language = tag.String()
	}
	if e.Currency != nil {
		unit, err := currency.ParseISO(*e.Currency)
		if err != nil {
			invalid, bad = invalid.At("/body/currency", "must be an ISO 4217 code"), true
		}
		s.Currency = unit.String()
	}
	for to, from := range map[*string]*string{&s.Measurement: e.Measurement, &s.AreaUnit: e.AreaUnit, &s.DefaultVisibility: e.DefaultVisibility} {
		if from != nil {
			*to = *from
		}
	}
	if h := e.QuietHours; h.Present {
		s.QuietFrom, s.QuietTo = nil, nil
		if h.Value != nil {
			s.QuietFrom, s.QuietTo = &h.Value.From, &h.Value.To
			if h.Value.From == h.Value.To {
				invalid, bad = invalid.At("/body/quiet_hours/to", "must be another time than from"), true
			}
		}
	}
	if bad {
		return invalid
	}
	return nil
}

// Settings returns one's own settings.
func (s *Service) Settings(ctx context.Context, id uuid.UUID) (settings, error) {
	return s.store.settings(ctx, id)
}

// EditSettings changes one's own settings and increments their version, unless nothing changes.
func (s *Service) EditSettings(ctx context.Context, id uuid.UUID, match etag.Match, e settingsEdit) (edited settings, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		if edited, err = s.store.lockSettings(ctx, id); err != nil {
			return err
		}
		if err := match.Check(edited.Version); err != nil {
			return err
		}
		before := edited
		if err := e.apply(&edited); err != nil || reflect.DeepEqual(before, edited) {
			return err
		}
		return s.store.saveSettings(ctx, &edited)
	})
	return edited, err
}
