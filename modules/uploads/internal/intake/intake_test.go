package intake_test

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/config/defaults"
	"atrium/modules/uploads"
	"atrium/modules/uploads/internal/moduletest"
	"atrium/modules/uploads/internal/upload"
	"atrium/platform/apptest"
	"atrium/platform/blob"
	"atrium/platform/bucketevents"
	"atrium/platform/stacktest"
	"atrium/platform/tasks/taskstest"
)

func TestAPhotoComesIn(t *testing.T) {
	b := moduletest.Setup(t)
	content := moduletest.WithEXIF(t, moduletest.Picture(t, 1600, 1200), 1)
	created := b.Create("image/jpeg", content)
	require.Equal(t, string(upload.Pending), created.Status)
	require.Equal(t, http.MethodPut, created.Upload.Method)

	early := b.Complete(created.ID).Want(http.StatusConflict)
	require.Equal(t, "uploads.not_uploaded", early.Code())

	require.NotEqual(t, http.StatusOK, b.Put(created, append(bytes.Clone(content), 'x')), "another length")
	require.NotEqual(t, http.StatusOK, b.Put(created, append(bytes.Clone(content[:len(content)-1]), 'x')), "other bytes")
	require.Equal(t, http.StatusOK, b.Put(created, content))
	require.Equal(t, http.StatusPreconditionFailed, b.Put(created, content), "a second time")

	require.Equal(t, string(upload.Processing), apptest.Read[moduletest.Answer](b.Complete(created.ID).Want(http.StatusAccepted)).Status)
	waiting := b.Do(b.Owner, http.MethodGet, "/v1/uploads/"+created.ID.String(), nil).Want(http.StatusOK)
	require.Equal(t, "1", waiting.Header.Get("Retry-After"))
	require.NotContains(t, string(waiting.Body), `"photo"`)

	b.Drain()
	done := b.Do(b.Owner, http.MethodGet, "/v1/uploads/"+created.ID.String(), nil).Want(http.StatusOK)
	require.Empty(t, done.Header.Get("Retry-After"))
	got := apptest.Read[moduletest.Answer](done)
	require.Equal(t, string(upload.Ready), got.Status)
	p := got.Photo
	require.Equal(t, [2]int{1600, 1200}, [2]int{p.Width, p.Height})
	require.Equal(t, []int{200, 640, 1080, 1600}, p.Sizes)
	require.Equal(t, []string{"webp", "jpeg"}, p.Formats)
	require.NotEmpty(t, p.Blurhash)
	require.Equal(t, p.Palette[0].Color, p.DominantColor)
	require.NotNil(t, p.URLsExpireAt, "nobody has claimed it: not for everybody")
	for _, size := range p.Sizes {
		for _, format := range p.Formats {
			status, body := moduletest.Fetch(t, *p, size, format)
			require.Equal(t, http.StatusOK, status)
			moduletest.RequireNoMetadata(t, body)
		}
	}
	require.Equal(t, []uploads.Ready{{UploadID: created.ID, OwnerID: b.Owner}}, taskstest.Events[uploads.Ready](t, b.DB))

	u, err := b.Uploads.Find(t.Context(), created.ID)
	require.NoError(t, err)
	_, err = b.Blobs.Head(t.Context(), u.QuarantineKey)
	require.ErrorContains(t, err, "not_found", "quarantine is empty again")
	_, err = b.Blobs.Head(t.Context(), u.OriginalKey())
	require.NoError(t, err, "the original is kept")

	require.Equal(t, string(upload.Ready), apptest.Read[moduletest.Answer](b.Complete(created.ID).Want(http.StatusAccepted)).Status, "completing again changes nothing")
}

func TestCompletingConcurrentlyMakesOneTask(t *testing.T) {
	b := moduletest.Setup(t)
	content := moduletest.Picture(t, 100, 80)
	created := b.Create("image/jpeg", content)
	require.Equal(t, http.StatusOK, b.Put(created, content))
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			_, err := b.Intake.Complete(t.Context(), b.Owner, created.ID)
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	require.Len(t, taskstest.Tasks[upload.MakeVariants](t, b.DB), 1)
}

func TestS3SaysThatAFileArrived(t *testing.T) {
	b := moduletest.Setup(t)
	content := moduletest.Picture(t, 100, 80)
	created := b.Create("image/jpeg", content)
	require.Equal(t, http.StatusOK, b.Put(created, content))
	u, err := b.Uploads.Find(t.Context(), created.ID)
	require.NoError(t, err)
	for range 2 { // events may come twice
		require.NoError(t, b.Intake.Arrived(t.Context(), u.QuarantineKey))
	}
	require.NoError(t, b.Intake.Arrived(t.Context(), "quarantine/unknown"))
	require.Len(t, taskstest.Tasks[upload.MakeVariants](t, b.DB), 1)
	b.Drain()
	require.Equal(t, string(upload.Ready), b.Find(created.ID).Status)
}

// stackQueue is where the stack's bucket tells of its objects. No other test listens.
func stackQueue(t *testing.T) *bucketevents.Queue {
	t.Helper()
	queue, err := bucketevents.New(
		bucketevents.Config{Endpoint: stacktest.Env(t, "ATRIUM_SQS_ENDPOINT"), QueueURL: stacktest.Env(t, "ATRIUM_SQS_QUEUE_URL")},
		blob.Config{Region: "eu-central-1", Bucket: stacktest.Env(t, "ATRIUM_S3_BUCKET"), AccessKeyID: "a", SecretAccessKey: "b"})
	require.NoError(t, err)
	return queue
}

// nextEvent hands the next event about a file of the owner to the service, and returns the file's key.
func nextEvent(b *moduletest.Bundle, queue *bucketevents.Queue) (key string) {
	b.T.Helper()
	for key == "" {
		require.NoError(b.T, queue.Poll(b.T.Context(), func(ctx context.Context, k string) error {
			if !strings.HasPrefix(k, "quarantine/"+b.Owner.String()+"/") {
				return nil // another test's
			}
			key = k
			return b.Intake.Arrived(ctx, k)
		}))
	}
	return key
}

// A phone that dies after the PUT loses nothing: S3 tells SQS, SQS tells the worker. Duplicates and a late second PUT change nothing.
func TestS3sOwnEventCompletesAnUpload(t *testing.T) {
	t.Parallel()
	b := moduletest.SetupWith(t, defaults.Section[uploads.Config]("uploads"))
	queue := stackQueue(t)
	content := moduletest.Picture(t, 100, 80)
	created := b.Create("image/jpeg", content)
	require.Equal(t, http.StatusOK, b.Put(created, content))
	key := nextEvent(b, queue)
	require.Equal(t, string(upload.Processing), b.Find(created.ID).Status)
	require.NoError(t, b.Intake.Arrived(t.Context(), key), "a duplicate while it is in work")
	b.Complete(created.ID).Want(http.StatusAccepted)
	b.Drain()
	require.Equal(t, string(upload.Ready), b.Find(created.ID).Status)
	require.Len(t, taskstest.Tasks[upload.MakeVariants](t, b.DB), 1)

	require.Equal(t, http.StatusOK, b.Put(created, content), "quarantine is empty again")
	require.Equal(t, key, nextEvent(b, queue))
	_, err := b.Blobs.Head(t.Context(), key)
	require.ErrorIs(t, err, blob.ErrNotFound, "and stays empty")
	require.Equal(t, string(upload.Ready), b.Find(created.ID).Status)
}

func TestTheClientHearsOfARefusalThatS3sEventBroughtAbout(t *testing.T) {
	b := moduletest.Setup(t)
	content := []byte("no picture at all")
	created := b.Create("image/jpeg", content)
	require.Equal(t, http.StatusOK, b.Put(created, content))
	u, err := b.Uploads.Find(t.Context(), created.ID)
	require.NoError(t, err)
	require.NoError(t, b.Intake.Arrived(t.Context(), u.QuarantineKey))
	require.Equal(t, "uploads.mismatch", b.Complete(created.ID).Want(http.StatusUnprocessableEntity).Code())
}
