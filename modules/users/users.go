// Package users knows the people: accounts, profiles, who follows whom, who blocks whom, and what each of them agreed to.
package users

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/platform/fault"
	"atrium/platform/photo"
)

// Config is the section "users" of the configuration.
type Config struct {
	Documents  []Document    `koanf:"documents" validate:"dive"`           // what people agree to before they post
	EraseAfter time.Duration `koanf:"erase_after" validate:"min=1m"`       // from the request for erasure to the erasure
	MinimumAge int           `koanf:"minimum_age" validate:"min=0,max=99"` // years; whoever posts must have said that they are so old. 0: nobody is asked
}

// Document is the current version of something people agree to.
type Document struct {
	Name    string `koanf:"name" validate:"required"`    // "terms"
	Version string `koanf:"version" validate:"required"` // "2026-01"
	URL     string `koanf:"url" validate:"required"`     // {public_url} stands for the API's own URL
}

var (
	// ErrNotFound: no such person, or one who is hidden from the viewer.
	ErrNotFound = fault.NotFound("users.not_found", "There is no such person.")
	// ErrTermsRequired: a current document was not agreed to yet.
	ErrTermsRequired = fault.Forbidden("users.terms_required", "Please agree to the current terms first.")
	// ErrSuspended: the account is suspended.
	ErrSuspended = fault.Forbidden("auth.account_suspended", "This account is suspended.")
	// ErrTooYoung: the person is younger than Config.MinimumAge.
	ErrTooYoung = fault.Forbidden("users.too_young", "You are too young for this.")
	// ErrSelf: following, blocking or muting oneself.
	ErrSelf = fault.Invalid("users.self", "That is you.")
	// ErrHandleTaken: somebody has the handle, or one that looks like it.
	ErrHandleTaken = fault.Conflict("users.handle_taken", "This handle is taken.")
	// ErrHandleChanges: the handle was changed twice in 30 days; its detail retry_at says when it can be changed again.
	ErrHandleChanges = fault.Conflict("users.handle_changed_often", "The handle was changed twice in the last 30 days.")
	// ErrExportRunning: an archive of the person is being made already.
	ErrExportRunning = fault.Conflict("users.export_running", "Your archive is being made already.")
	// ErrNoExport: the person has not asked for an archive.
	ErrNoExport = fault.NotFound("users.no_export", "You have not asked for an archive.")
	// ErrNoRequest: no such request to follow.
	ErrNoRequest = fault.NotFound("users.no_such_request", "There is no such request.")
)

// Ref is a person in short, as posts, comments and notifications show them: the API's UserRef.
type Ref struct {
	ID          uuid.UUID    `json:"id"`
	Handle      string       `json:"handle" example:"ana.garcia"`
	DisplayName string       `json:"display_name" example:"Ana García"`
	Avatar      *photo.Photo `json:"avatar"`
}

// SchemaName is its name in the OpenAPI document.
func (Ref) SchemaName() string { return "UserRef" }

// Counts are a person's figures.
type Counts struct {
	Followers int64 `json:"followers"`
	Following int64 `json:"following"`
	Posts     int64 `json:"posts" doc:"those that the viewer can open"`
}

// SchemaName is its name in the OpenAPI document.
func (Counts) SchemaName() string { return "UserCounts" }

// Viewer is how a person stands to the one who asks.
type Viewer struct {
	IsFollowing     bool `json:"is_following"`
	FollowRequested bool `json:"follow_requested"`
	FollowsMe       bool `json:"follows_me"`
	IsBlockedByMe   bool `json:"is_blocked_by_me"`
	IsMuted         bool `json:"is_muted"`
}

// SchemaName is its name in the OpenAPI document.
func (Viewer) SchemaName() string { return "UserViewer" }

// User is a profile: the API's User.
type User struct {
	Ref
	Bio       string       `json:"bio" example:"Small flat, many plants."`
	Cover     *photo.Photo `json:"cover" doc:"on top of the profile"`
	IsPrivate bool         `json:"is_private"`
	Counts    Counts       `json:"counts"`
	Viewer    Viewer       `json:"viewer"`
}

// PendingConsent is a document that a person has yet to agree to.
type PendingConsent struct {
	Document string `json:"document" example:"terms"`
	Version  string `json:"version" example:"2026-01"`
	URL      string `json:"url" example:"https://api.example.com/legal/terms"`
}

// Me is a person's own view of themselves: the API's Me.
type Me struct {
	User
	Email           string           `json:"email" example:"ana@example.com"`
	Roles           []string         `json:"roles" example:"[\"user\"]"`
	PendingConsents []PendingConsent `json:"pending_consents"`
	Version         int64            `json:"version"`
	CreatedAt       time.Time        `json:"created_at"`
}

// SchemaName is its name in the OpenAPI document.
func (Me) SchemaName() string { return "Me" }

// Relation is how another person stands to a viewer, for deciding what the viewer may see.
type Relation struct {
	Following bool // the viewer follows them
	Blocked   bool // either blocks the other
	Muted     bool // the viewer muted them
	Private   bool // their account is private
	Gone      bool // deleted, suspended or unknown
}

// MaySee reports whether the viewer may see what the person shows to everybody ("public") or to followers ("followers");
// own things are always seen and are not asked here.
func (r Relation) MaySee(visibility string) bool {
	switch {
	case r.Gone, r.Blocked:
		return false
	case visibility == "public":
		return !r.Private || r.Following
	case visibility == "followers":
		return r.Following
	}
	return false
}

// Contact is how to reach a person. Never log it.
type Contact struct {
	DisplayName   string
	Email         string // empty where unknown
	EmailVerified bool
	Language      string // BCP 47
	QuietFrom     string // HH:MM where the person is; empty: always to be reached
	QuietTo       string
}

// Reachable reports whether mail reaches the person: at an address that they have shown to be theirs.
func (c Contact) Reachable() bool { return c.Email != "" && c.EmailVerified }

// QuietUntil returns when the quiet hours end in which local falls, or the zero time where it falls in none. local is the
// time where the person is. Hours that end when they begin, as older settings may say, are none.
func (c Contact) QuietUntil(local time.Time) time.Time {
	from, err := time.Parse("15:04", c.QuietFrom)
	if err != nil {
		return time.Time{}
	}
	to, err := time.Parse("15:04", c.QuietTo)
	if err != nil || to.Equal(from) {
		return time.Time{}
	}
	at := func(clock time.Time, days int) time.Time {
		return time.Date(local.Year(), local.Month(), local.Day()+days, clock.Hour(), clock.Minute(), 0, 0, local.Location())
	}
	for days := -1; days <= 0; days++ { // those that began yesterday, and today's
		begin, end := at(from, days), at(to, days)
		if !end.After(begin) {
			end = at(to, days+1)
		}
		if !local.Before(begin) && local.Before(end) {
			return end
		}
	}
	return time.Time{}
}

// Directory looks people up. Its answers are cached.
type Directory interface {
	// Refs returns the people in short; those who are gone are absent.
	Refs(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]Ref, error)
	// Resolve finds a person by id or handle (old handles too), or returns ErrNotFound. It does not look at blocks.
	Resolve(ctx context.Context, idOrHandle string) (uuid.UUID, error)
	// ByHandles finds people by handles, for mentions; unknown ones are absent.
	ByHandles(ctx context.Context, handles []string) (map[string]uuid.UUID, error)
	// Contacts returns how to reach people; those who are gone are absent.
	Contacts(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]Contact, error)
	// RequireConsents returns ErrTermsRequired while a current document waits for the person.
	RequireConsents(ctx context.Context, id uuid.UUID) error
	// DefaultVisibility returns who sees what the person publishes without saying: public, followers or private.
	DefaultVisibility(ctx context.Context, id uuid.UUID) (string, error)
	// Currency returns the currency in which the person wants to see prices; "" where they have no settings.
	Currency(ctx context.Context, id uuid.UUID) (string, error)
}

// FollowingSet is whom a person follows. Its version differs whenever the ids do: what was derived from a set is recognised by it.
type FollowingSet struct {
	IDs     []uuid.UUID // ascending; shared: do not write into it
	Version string
}

// Graph answers who follows and blocks whom. Relations and FollowingSet are cached: a change shows here at once, elsewhere within a second.
type Graph interface {
	// Relations returns how each of others stands to viewer (uuid.Nil: nobody, who follows no one). Every id has an answer.
	Relations(ctx context.Context, viewer uuid.UUID, others []uuid.UUID) (map[uuid.UUID]Relation, error)
	// Viewers returns the flags that lists of people show beside each (viewer uuid.Nil: none is set). Every id has an answer.
	Viewers(ctx context.Context, viewer uuid.UUID, others []uuid.UUID) (map[uuid.UUID]Viewer, error)
	// Following returns up to limit ids that the user follows, ascending, after the one given (uuid.Nil: from the start).
	Following(ctx context.Context, user, after uuid.UUID, limit int) ([]uuid.UUID, error)
	// Followers is the other direction.
	Followers(ctx context.Context, user, after uuid.UUID, limit int) ([]uuid.UUID, error)
	// FollowingSet returns all whom the user follows.
	FollowingSet(ctx context.Context, user uuid.UUID) (FollowingSet, error)
}

// Subject is what a mute may be about: a text with its tags, style and brands; empty where there is none.
type Subject struct {
	Text   string
	Tags   []string
	Style  string
	Brands []string
}

// Mutes knows what people want to see nothing of.
type Mutes interface {
	// Of returns what tells whether the viewer (uuid.Nil: nobody) has muted a subject's tags, style, brands or a word of its
	// text; nil where they muted nothing, which is cached like the rest.
	Of(ctx context.Context, viewer uuid.UUID) (muted func(Subject) bool, err error)
}

// Counters keeps the counters of a profile whose rows are in other modules. It goes with the release after this one: the build before
// shows what it counts and refuses to count below zero, while posts.Counts is asked by this one.
type Counters interface {
	// AddPosts changes the number of posts of all visibilities, in the transaction open in ctx.
	AddPosts(ctx context.Context, author uuid.UUID, delta int) error
}

// NewPerson is what sign-in knows about somebody who comes for the first time.
type NewPerson struct {
	Email         string
	EmailVerified bool
	Name          string
	Language      string
	Picture       string // address of a picture at the provider, which becomes the avatar; may be empty
}

// Standing is what sign-in must know about an account.
type Standing struct {
	Roles     []string
	Suspended bool
	Deleted   bool       // erased: it never comes back
	EraseAt   *time.Time // asked to be erased; signing in before then restores it
}

// Accounts is for the auth module, and for whoever must know how an account stands.
type Accounts interface {
	// SignUp makes a person in the transaction open in ctx, with a handle made from the name.
	SignUp(ctx context.Context, p NewPerson) (uuid.UUID, error)
	// Standing returns how the account stands, or ErrNotFound.
	Standing(ctx context.Context, id uuid.UUID) (Standing, error)
	// Restore takes a request for erasure back, in the transaction open in ctx.
	Restore(ctx context.Context, id uuid.UUID) error
	// Me returns the person's own view, or ErrNotFound.
	Me(ctx context.Context, id uuid.UUID) (Me, error)
	// Grant gives a role, in the transaction open in ctx. Granting twice is no error.
	Grant(ctx context.Context, id uuid.UUID, role string) error
	// EmailChanged tells that a provider has verified another address for somebody, in the transaction open in ctx: the contact
	// follows, unless it came from elsewhere, and its former address is told by mail.
	EmailChanged(ctx context.Context, id uuid.UUID, was, now string) error
}

// Account is an account as the command line shows it.
type Account struct {
	ID            uuid.UUID
	Handle        string
	EmailVerified bool
}

// Admin is for the command line of administrators.
type Admin interface {
	// FindByEmail returns every account with the e-mail, however it is capitalised; accounts that are gone are left out.
	FindByEmail(ctx context.Context, email string) ([]Account, error)
	// Find returns one account, or ErrNotFound.
	Find(ctx context.Context, id uuid.UUID) (Account, error)
	// Grant gives a role. Granting twice is no error.
	Grant(ctx context.Context, id uuid.UUID, role string) error
}
