package intake_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/modules/uploads/internal/moduletest"
	"atrium/modules/uploads/internal/processing"
	"atrium/platform/stacktest"
)

// The client and S3's event complete an upload at the same time, and a worker may have dealt with it before either is done.
func TestFault_P6_CompleteRacesTheEvent(t *testing.T) {
	b := moduletest.Setup(t)
	worker := processing.NewService(b.Processing)
	good, bad := moduletest.Picture(t, 30, 20), moduletest.AnimatedWebP()
	for round := range stacktest.Budget(6, 60) {
		kind, content, want := "image/jpeg", good, http.StatusAccepted
		if round%2 == 1 {
			kind, content, want = "image/webp", bad, http.StatusUnprocessableEntity
		}
		created := b.Create(kind, content)
		require.Equal(t, http.StatusOK, b.Put(created, content))
		u, err := b.Uploads.Find(t.Context(), created.ID)
		require.NoError(t, err)
		var group sync.WaitGroup
		statuses := make([]int, 4)
		for i := range statuses {
			group.Go(func() {
				statuses[i] = b.Complete(created.ID).Status
				if err := worker.MakeVariants(t.Context(), created.ID); err != nil {
					t.Error(err)
				}
			})
			group.Go(func() {
				if err := b.Intake.Arrived(t.Context(), u.QuarantineKey); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		require.Equal(t, []int{want, want, want, want}, statuses, "round %d", round)
	}
}
