package auth_test

import (
	"testing"

	"github.com/google/uuid"

	"atrium/modules/auth"
	"atrium/platform/outbox/outboxtest"
)

func TestEvents_PayloadsAreAsWritten(t *testing.T) {
	t.Parallel()
	user, session := uuid.MustParse("0199c2f0-1f4e-7a53-b1f4-9f2f6a1f0001"), uuid.MustParse("0199c2f0-1f4e-7a53-b1f4-9f2f6a1f0002")
	outboxtest.Golden(t,
		auth.SignedIn{UserID: user, SessionID: session, NewDevice: true},
		auth.SessionRevoked{UserID: user, SessionID: session, InstallationID: "phone", Reason: auth.ReasonReuse},
	)
}
