package internal

import (
	"context"

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

// firstSettings are those of somebody new: what their language suggests.
func firstSettings(id uuid.UUID, spoken string) *settings {
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

// settingsEdit changes settings; nil leaves a thing as it is.
type settingsEdit struct {
	Language          *string
	Measurement       *string
	AreaUnit          *string
	Currency          *string
	DefaultVisibility *string
	QuietHours        nullableHours
}

// apply checks and changes.
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
	if h := e.QuietHours; h.sent {
		s.QuietFrom, s.QuietTo = nil, nil
		if h.hours != nil {
			s.QuietFrom, s.QuietTo = &h.hours.From, &h.hours.To
		}
	}
	if bad {
		return invalid
	}
	return nil
}

// Settings reads one's own settings.
func (p *People) Settings(ctx context.Context, id uuid.UUID) (settings, error) {
	return p.store.settings(ctx, id)
}

// EditSettings changes one's own settings.
func (p *People) EditSettings(ctx context.Context, id uuid.UUID, match etag.Match, e settingsEdit) (s settings, err error) {
	err = p.db.InTx(ctx, func(ctx context.Context) error {
		if s, err = p.store.lockSettings(ctx, id); err != nil {
			return err
		}
		if err := match.Check(s.Version); err != nil {
			return err
		}
		if err := e.apply(&s); err != nil {
			return err
		}
		return p.store.saveSettings(ctx, &s)
	})
	return s, err
}
