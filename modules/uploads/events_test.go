package uploads_test

import (
	"testing"

	"github.com/google/uuid"

	"atrium/modules/uploads"
	"atrium/platform/outbox/outboxtest"
)

func TestEvents_PayloadsAreAsWritten(t *testing.T) {
	t.Parallel()
	upload, owner := uuid.MustParse("0199c2f0-1f4e-7a53-b1f4-9f2f6a1f0001"), uuid.MustParse("0199c2f0-1f4e-7a53-b1f4-9f2f6a1f0002")
	outboxtest.Golden(t,
		uploads.Ready{UploadID: upload, OwnerID: owner},
	)
}
