package users_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"atrium/modules/users"
	"atrium/platform/outbox/outboxtest"
)

func TestEvents_PayloadsAreAsWritten(t *testing.T) {
	t.Parallel()
	one, other := uuid.MustParse("0199c2f0-1f4e-7a53-b1f4-9f2f6a1f0001"), uuid.MustParse("0199c2f0-1f4e-7a53-b1f4-9f2f6a1f0002")
	outboxtest.Golden(t,
		users.Followed{Follower: one, Followee: other, Accepted: true},
		users.Unfollowed{Follower: one, Followee: other},
		users.FollowRequested{Follower: one, Followee: other},
		users.FollowRequestEnded{Follower: one, Followee: other},
		users.Blocked{Blocker: one, Blocked: other},
		users.Unblocked{Blocker: one, Unblocked: other},
		users.Locked{UserID: one, Reason: "suspended"},
		users.Returned{UserID: one},
		users.PrivacyChanged{UserID: one, Private: true},
		users.ExportRequested{UserID: one, ExportID: other},
		users.Deleted{UserID: one},
		users.RolesChanged{UserID: one, Roles: []string{"user", "seller"}, At: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)},
	)
}
