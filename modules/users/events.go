package users

import (
	"time"

	"github.com/google/uuid"
)

// Followed: Follower follows Followee from now on.
type Followed struct {
	Follower uuid.UUID `json:"follower"`
	Followee uuid.UUID `json:"followee"`
	Accepted bool      `json:"accepted,omitempty"` // Follower had asked, and Followee accepted or became public
}

// EventName is the event's name on the wire.
func (Followed) EventName() string { return "users.followed.v1" }

// Unfollowed: Follower follows Followee no more.
type Unfollowed struct {
	Follower uuid.UUID `json:"follower"`
	Followee uuid.UUID `json:"followee"`
}

// EventName is the event's name on the wire.
func (Unfollowed) EventName() string { return "users.unfollowed.v1" }

// FollowRequested: Follower asks a private Followee.
type FollowRequested struct {
	Follower uuid.UUID `json:"follower"`
	Followee uuid.UUID `json:"followee"`
}

// EventName is the event's name on the wire.
func (FollowRequested) EventName() string { return "users.follow_requested.v1" }

// FollowRequestEnded: Follower no longer asks Followee: the request was taken back or rejected. Of one that was accepted Followed
// tells, of one that a block ended Blocked.
type FollowRequestEnded struct {
	Follower uuid.UUID `json:"follower"`
	Followee uuid.UUID `json:"followee"`
}

// EventName is the event's name on the wire.
func (FollowRequestEnded) EventName() string { return "users.follow_request_ended.v1" }

// Blocked: Blocker blocks Blocked; both have lost each other as followers.
type Blocked struct {
	Blocker uuid.UUID `json:"blocker"`
	Blocked uuid.UUID `json:"blocked"`
}

// EventName is the event's name on the wire.
func (Blocked) EventName() string { return "users.blocked.v1" }

// Unblocked: Blocker no longer blocks Unblocked. Follows that the block ended stay ended.
type Unblocked struct {
	Blocker   uuid.UUID `json:"blocker"`
	Unblocked uuid.UUID `json:"unblocked"`
}

// EventName is the event's name on the wire.
func (Unblocked) EventName() string { return "users.unblocked.v1" }

// Locked: the account was suspended or asked for its erasure; its sessions have ended.
type Locked struct {
	UserID uuid.UUID `json:"user_id"`
	Reason string    `json:"reason"` // suspended, erasure
}

// EventName is the event's name on the wire.
func (Locked) EventName() string { return "users.locked.v1" }

// Returned: an account that was locked is open again: the suspension was taken back, or the person came back in time.
type Returned struct {
	UserID uuid.UUID `json:"user_id"`
}

// EventName is the event's name on the wire.
func (Returned) EventName() string { return "users.returned.v1" }

// PrivacyChanged: the account became private, or public again. What was handed out to everybody must follow. Changes that
// come fast may be heard out of order: ask Graph.Relations how the person stands now.
type PrivacyChanged struct {
	UserID  uuid.UUID `json:"user_id"`
	Private bool      `json:"private"`
}

// EventName is the event's name on the wire.
func (PrivacyChanged) EventName() string { return "users.privacy_changed.v1" }

// ExportRequested: the person asked for an archive of everything that is kept about them.
type ExportRequested struct {
	UserID   uuid.UUID `json:"user_id"`
	ExportID uuid.UUID `json:"export_id"`
}

// EventName is the event's name on the wire.
func (ExportRequested) EventName() string { return "users.export_requested.v1" }

// Deleted: the account was erased; whoever keeps something of this person cleans up.
type Deleted struct {
	UserID uuid.UUID `json:"user_id"`
}

// EventName is the event's name on the wire.
func (Deleted) EventName() string { return "users.deleted.v1" }

// RolesChanged: the person's roles are others than before; access tokens with the old ones are worthless already.
type RolesChanged struct {
	UserID uuid.UUID `json:"user_id"`
	Roles  []string  `json:"roles"`
	At     time.Time `json:"at"`
}

// EventName is the event's name on the wire.
func (RolesChanged) EventName() string { return "users.roles_changed.v1" }
