// Package internal keeps what package users promises.
package internal

import (
	"database/sql/driver"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"
	"github.com/rivo/uniseg"
	"golang.org/x/text/unicode/norm"

	"atrium/modules/users"
	"atrium/platform/fault"
	"atrium/platform/identity"
)

const (
	maxDisplayName = 50  // graphemes
	maxBio         = 300 // graphemes
	maxEmail       = 320
	handleWindow   = 30 * 24 * time.Hour
	handleKept     = 90 * 24 * time.Hour // how long an old handle still leads to its person
)

// invisible are characters of which a name must not consist.
const invisible = " \u00ad\u200b\u200c\u200d\u2060\ufeff\u3164"

// user is a person.
type user struct {
	ID                  uuid.UUID `gorm:"primaryKey"`
	Handle              string
	DisplayName         string
	Bio                 string
	AvatarID            *uuid.UUID
	CoverID             *uuid.UUID
	IsPrivate           bool
	Email               string
	EmailVerified       bool
	Roles               words `gorm:"type:text[]"`
	Followers           int64 `gorm:"->"` // moved by their own statements only
	Following           int64 `gorm:"->"`
	Posts               int64 `gorm:"->"`
	Version             int64
	HandleChangedAt     *time.Time
	HandleChangedBefore *time.Time
	SuspendedAt         *time.Time
	EraseAt             *time.Time
	ErasedAt            *time.Time
	Gone                bool `gorm:"->"`
	CreatedAt           time.Time
	UpdatedAt           time.Time
}

// TableName is users.
func (user) TableName() string { return "users" }

// newUser is somebody who signs in for the first time; the handle comes later.
func newUser(p users.NewPerson) user {
	email, _ := cleanLine(p.Email, maxEmail)
	name, err := cleanLine(p.Name, maxDisplayName)
	if err != nil || strings.Trim(name, invisible) == "" {
		name = "New member"
	}
	return user{
		ID: uuid.Must(uuid.NewV7()), DisplayName: name, Email: email,
		EmailVerified: p.EmailVerified && email != "", Roles: words{}, Version: 1,
	}
}

// pictures are the photos that the person shows.
func (u user) pictures() []uuid.UUID {
	var ids []uuid.UUID
	for _, id := range []*uuid.UUID{u.AvatarID, u.CoverID} {
		if id != nil {
			ids = append(ids, *id)
		}
	}
	return ids
}

func (u user) ref() users.Ref {
	return users.Ref{ID: u.ID, Handle: u.Handle, DisplayName: u.DisplayName}
}

func (u user) profile() users.User {
	return users.User{
		Ref: u.ref(), Bio: u.Bio, IsPrivate: u.IsPrivate,
		Counts: users.Counts{Followers: u.Followers, Following: u.Following, Posts: u.Posts},
	}
}

func (u user) me(pending []users.PendingConsent) users.Me {
	return users.Me{
		User: u.profile(), Email: u.Email, Roles: roles(u.Roles), PendingConsents: pending,
		Version: u.Version, CreatedAt: u.CreatedAt,
	}
}

func (u user) account() users.Account {
	return users.Account{ID: u.ID, Handle: u.Handle, EmailVerified: u.EmailVerified}
}

func (u user) standing() users.Standing {
	return users.Standing{
		Roles: roles(u.Roles), Suspended: u.SuspendedAt != nil, Deleted: u.ErasedAt != nil, EraseAt: u.EraseAt,
	}
}

// rename takes another handle, which the store has secured. now is the database's.
func (u *user) rename(handle string, now time.Time) error {
	if u.HandleChangedBefore != nil {
		if again := u.HandleChangedBefore.Add(handleWindow); again.After(now) {
			return users.ErrHandleChanges.Detail("retry_at", again)
		}
	}
	u.HandleChangedBefore, u.HandleChangedAt = u.HandleChangedAt, &now
	u.Handle = handle
	return nil
}

// edit is a change of one's own profile; nil leaves a thing as it is.
type edit struct {
	Handle      *string
	DisplayName *string
	Bio         *string
	IsPrivate   *bool
	Avatar      pictureEdit
	Cover       pictureEdit
}

// apply takes over the texts.
func (u *user) apply(e edit) {
	if e.DisplayName != nil {
		u.DisplayName = *e.DisplayName
	}
	if e.Bio != nil {
		u.Bio = *e.Bio
	}
}

// pictureEdit: Set with a nil Upload takes the picture away.
type pictureEdit struct {
	Set    bool
	Upload *uuid.UUID
}

// clean checks the texts and brings them into their normal form.
func (e *edit) clean() error {
	invalid := fault.Invalid("users.invalid_profile", "The profile cannot be saved like this.")
	bad := false
	check := func(text *string, pointer string, clean func(string, int) (string, error), most, least int) {
		if text == nil {
			return
		}
		cleaned, err := clean(*text, most)
		switch {
		case err != nil:
			invalid, bad = invalid.At(pointer, err.Error()), true
		case len(cleaned) < least:
			invalid, bad = invalid.At(pointer, "must not be empty"), true
		}
		*text = cleaned
	}
	check(e.DisplayName, "/body/display_name", cleanLine, maxDisplayName, 1)
	check(e.Bio, "/body/bio", cleanText, maxBio, 0)
	if bad {
		return invalid
	}
	if e.Handle == nil {
		return nil
	}
	handle, err := parseHandle(*e.Handle)
	e.Handle = &handle
	return err
}

// cleanLine is cleanText on one line.
func cleanLine(s string, most int) (string, error) {
	return cleanText(strings.Join(strings.Fields(s), " "), most)
}

// cleanText is NFC without control characters and without space around it, at most so many graphemes long.
func cleanText(s string, most int) (string, error) {
	s = strings.TrimSpace(norm.NFC.String(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' {
			return -1
		}
		return r
	}, s)))
	// A grapheme can carry any number of marks: bytes are bounded too.
	if uniseg.GraphemeClusterCount(s) > most || len(s) > most*32 {
		return s, fmt.Errorf("must have at most %d characters", most)
	}
	return s, nil
}

// roles are what a person is besides; everybody is a user.
func roles(granted words) []string { return append([]string{identity.RoleUser}, granted...) }

// words is a text[] of plain words.
type words []string

// Scan reads PostgreSQL's spelling of an array of plain words.
func (w *words) Scan(src any) error {
	text, ok := src.(string)
	if !ok {
		return fmt.Errorf("users: cannot read %T as words", src)
	}
	*w = words{}
	if text = strings.Trim(text, "{}"); text != "" {
		*w = strings.Split(text, ",")
	}
	return nil
}

// Value spells the array.
func (w words) Value() (driver.Value, error) { return "{" + strings.Join(w, ",") + "}", nil }

// settings are how the app speaks to a person.
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

// quietHours are when pushes wait.
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

// consent is a person's yes to one version of a document.
type consent struct {
	UserID   uuid.UUID
	Document string
	Version  string
}

// TableName is user_consents.
func (consent) TableName() string { return "user_consents" }
