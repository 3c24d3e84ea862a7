// Package user is the row of a person: the entity, its store, and the cached lookups that other capabilities and modules use.
package user

import (
	"database/sql/driver"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"atrium/modules/users"
	"atrium/platform/identity"
	"atrium/platform/text"
)

// The longest texts of a person, in graphemes.
const (
	MaxDisplayName = 50
	MaxBio         = 300
	MaxEmail       = 320
)

// handleWindow is the time in which a handle can be changed twice.
const handleWindow = 30 * 24 * time.Hour

// User is a person: a row of users.
type User struct {
	ID                  uuid.UUID `gorm:"primaryKey"`
	Handle              string
	DisplayName         string
	Bio                 string
	AvatarID            *uuid.UUID
	CoverID             *uuid.UUID
	IsPrivate           bool
	Email               string
	EmailVerified       bool
	Roles               Words `gorm:"type:text[]"`
	Followers           int64 `gorm:"->"` // moved by their own statements only
	Following           int64 `gorm:"->"`
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
func (User) TableName() string { return "users" }

// New returns somebody who signs in for the first time, without a handle yet.
func New(p users.NewPerson) User {
	email, err := text.Line(p.Email, MaxEmail)
	if err != nil {
		email = "" // too long to be an address
	}
	name, err := text.Line(p.Name, MaxDisplayName)
	if err != nil || name == "" {
		name = "New member"
	}
	return User{
		ID: uuid.Must(uuid.NewV7()), DisplayName: name, Email: email,
		EmailVerified: p.EmailVerified && email != "", Roles: Words{}, Version: 1,
	}
}

// Pictures returns the uploads that the person shows: avatar and cover.
func (u User) Pictures() []uuid.UUID {
	var ids []uuid.UUID
	for _, id := range []*uuid.UUID{u.AvatarID, u.CoverID} {
		if id != nil {
			ids = append(ids, *id)
		}
	}
	return ids
}

// Ref returns the person in short, without the avatar.
func (u User) Ref() users.Ref {
	return users.Ref{ID: u.ID, Handle: u.Handle, DisplayName: u.DisplayName}
}

// Profile returns the person as others see them, without pictures and without the number of their posts.
func (u User) Profile() users.User {
	return users.User{
		Ref: u.Ref(), Bio: u.Bio, IsPrivate: u.IsPrivate,
		Counts: users.Counts{Followers: u.Followers, Following: u.Following},
	}
}

// Me returns the person as they see themselves, without pictures and without the number of their posts.
func (u User) Me(pending []users.PendingConsent) users.Me {
	return users.Me{
		User: u.Profile(), Email: u.Email, Roles: AllRoles(u.Roles), PendingConsents: pending,
		Version: u.Version, CreatedAt: u.CreatedAt,
	}
}

// Account returns the person as the command line shows them.
func (u User) Account() users.Account {
	return users.Account{ID: u.ID, Handle: u.Handle, EmailVerified: u.EmailVerified}
}

// Status returns how the account stands.
func (u User) Status() users.Standing {
	return users.Standing{
		Roles: AllRoles(u.Roles), Suspended: u.SuspendedAt != nil, Deleted: u.ErasedAt != nil, EraseAt: u.EraseAt,
	}
}

// Rename takes another handle, which Store.ClaimHandle has secured, or returns users.ErrHandleChanges. now is the database's.
func (u *User) Rename(handle string, now time.Time) error {
	if u.HandleChangedBefore != nil {
		if again := u.HandleChangedBefore.Add(handleWindow); again.After(now) {
			return users.ErrHandleChanges.Detail("retry_at", again)
		}
	}
	u.HandleChangedBefore, u.HandleChangedAt = u.HandleChangedAt, &now
	u.Handle = handle
	return nil
}

// AllRoles returns the granted roles and the one that everybody has.
func AllRoles(granted Words) []string { return append([]string{identity.RoleUser}, granted...) }

// Words is a text[] of words without quotes, commas and spaces.
type Words []string

// Scan reads PostgreSQL's spelling of the array.
func (w *Words) Scan(src any) error {
	text, ok := src.(string)
	if !ok {
		return fmt.Errorf("users: cannot read %T as text[]", src)
	}
	*w = Words{}
	if text = strings.Trim(text, "{}"); text != "" {
		*w = strings.Split(text, ",")
	}
	return nil
}

// Value spells the array.
func (w Words) Value() (driver.Value, error) { return "{" + strings.Join(w, ",") + "}", nil }

// IsLocked reports whether the account is suspended or scheduled for deletion.
func (u User) IsLocked() bool { return u.SuspendedAt != nil || u.EraseAt != nil }
