package blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/platform/secret"
	"atrium/platform/stacktest"
)

// setup returns the stack's bucket and a prefix in it that no other test has.
func setup(t *testing.T) (*Store, string) {
	t.Parallel()
	pathStyle, err := strconv.ParseBool(stacktest.Env(t, "ATRIUM_S3_PATH_STYLE"))
	require.NoError(t, err)
	store, err := New(context.Background(), Config{
		Endpoint:        stacktest.Env(t, "ATRIUM_S3_ENDPOINT"),
		Region:          stacktest.Env(t, "ATRIUM_S3_REGION"),
		Bucket:          stacktest.Env(t, "ATRIUM_S3_BUCKET"),
		AccessKeyID:     stacktest.Env(t, "ATRIUM_S3_ACCESS_KEY_ID"),
		SecretAccessKey: secret.Text(stacktest.Env(t, "ATRIUM_S3_SECRET_ACCESS_KEY")),
		PathStyle:       pathStyle,
	})
	require.NoError(t, err)
	return store, "test/" + uuid.NewString() + "/"
}

func put(t *testing.T, s *Store, key, content string) {
	t.Helper()
	require.NoError(t, s.Put(context.Background(), key, "text/plain", "", strings.NewReader(content)))
}

// send sends a signed request with a body, after change has had its way with it, and returns the status.
func send(t *testing.T, signed Signed, body []byte, change func(*http.Request)) int {
	t.Helper()
	req, err := http.NewRequest(signed.Method, signed.URL, bytes.NewReader(body))
	require.NoError(t, err)
	req.Header = signed.Header.Clone()
	if change != nil {
		change(req)
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	return res.StatusCode
}

func TestPresignPut(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	content := []byte("a photo of a room")
	declare := func(prefix string) Upload {
		return Upload{
			Key: prefix + "photo", ContentType: "image/jpeg", Bytes: int64(len(content)),
			SHA256: sha256.Sum256(content), Expires: time.Minute,
		}
	}

	t.Run("it signs what was declared, and nothing a client cannot send", func(t *testing.T) {
		s, prefix := setup(t)
		signed, err := s.PresignPut(ctx, declare(prefix))
		require.NoError(t, err)
		require.Equal(t, http.MethodPut, signed.Method)
		require.WithinDuration(t, time.Now().Add(time.Minute), signed.ExpiresAt, 5*time.Second)
		names := []string{}
		for name := range signed.Header {
			names = append(names, name)
		}
		require.ElementsMatch(t, []string{"Content-Length", "Content-Type", "If-None-Match", "X-Amz-Checksum-Sha256"}, names)
		require.Equal(t, "17", signed.Header.Get("Content-Length"))
		require.Contains(t, signed.URL, "X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost%3Bif-none-match%3Bx-amz-checksum-sha256")
	})

	t.Run("the declared file arrives, once", func(t *testing.T) {
		s, prefix := setup(t)
		u := declare(prefix)
		signed, err := s.PresignPut(ctx, u)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, send(t, signed, content, nil))
		require.Equal(t, http.StatusPreconditionFailed, send(t, signed, content, nil))

		info, err := s.Head(ctx, u.Key)
		require.NoError(t, err)
		require.Equal(t, Info{Bytes: u.Bytes, ContentType: u.ContentType, SHA256: u.SHA256[:]}, info)
	})

	refusals := []struct {
		name   string
		body   []byte
		change func(*http.Request)
		status int
	}{
		{"another size", append([]byte("x"), content...), nil, http.StatusForbidden},
		{"another type", content, func(r *http.Request) { r.Header.Set("Content-Type", "text/html") }, http.StatusForbidden},
		{"other bytes", bytes.ToUpper(content), nil, http.StatusBadRequest},
		{"no checksum", content, func(r *http.Request) { r.Header.Del("X-Amz-Checksum-Sha256") }, http.StatusForbidden},
		{"a PUT that may overwrite", content, func(r *http.Request) { r.Header.Del("If-None-Match") }, http.StatusForbidden},
		{"another key", content, func(r *http.Request) { r.URL.Path += "2" }, http.StatusForbidden},
	}
	for _, tc := range refusals {
		t.Run("it refuses "+tc.name, func(t *testing.T) {
			s, prefix := setup(t)
			signed, err := s.PresignPut(ctx, declare(prefix))
			require.NoError(t, err)
			require.Equal(t, tc.status, send(t, signed, tc.body, tc.change))
			keys, err := s.List(ctx, prefix, "", 10)
			require.NoError(t, err)
			require.Empty(t, keys)
		})
	}

	t.Run("a declaration that is none is an error", func(t *testing.T) {
		s, prefix := setup(t)
		for _, change := range []func(*Upload){
			func(u *Upload) { u.Bytes = 0 },
			func(u *Upload) { u.ContentType = "" },
			func(u *Upload) { u.Expires = 0 },
			func(u *Upload) { u.Expires = 11 * time.Minute },
		} {
			u := declare(prefix)
			change(&u)
			_, err := s.PresignPut(ctx, u)
			require.Error(t, err)
		}
	})
}

func TestStore(t *testing.T) {
	t.Parallel()
	ctx := context.Background()

	t.Run("what was put can be described and read", func(t *testing.T) {
		s, prefix := setup(t)
		key := prefix + "a file with spaces & more"
		put(t, s, key, "0123456789")
		info, err := s.Head(ctx, key)
		require.NoError(t, err)
		require.EqualValues(t, 10, info.Bytes)
		require.Equal(t, "text/plain", info.ContentType)

		file, err := s.Open(ctx, key)
		require.NoError(t, err)
		defer file.Close()
		content, err := io.ReadAll(file)
		require.NoError(t, err)
		require.Equal(t, "0123456789", string(content))
	})

	t.Run("a range ends where the file ends", func(t *testing.T) {
		s, prefix := setup(t)
		put(t, s, prefix+"file", "0123456789")
		for _, tc := range []struct {
			offset, length int64
			want           string
		}{{0, 4, "0123"}, {8, 4, "89"}, {10, 4, ""}, {0, 100, "0123456789"}} {
			got, err := s.ReadRange(ctx, prefix+"file", tc.offset, tc.length)
			require.NoError(t, err)
			require.Equal(t, tc.want, string(got))
		}
		put(t, s, prefix+"empty", "")
		got, err := s.ReadRange(ctx, prefix+"empty", 0, 16)
		require.NoError(t, err)
		require.Empty(t, got)
	})

	t.Run("an absent key is ErrNotFound, and no error to delete", func(t *testing.T) {
		s, prefix := setup(t)
		absent := prefix + "absent"
		_, err := s.Head(ctx, absent)
		require.ErrorIs(t, err, ErrNotFound)
		_, err = s.ReadRange(ctx, absent, 0, 4)
		require.ErrorIs(t, err, ErrNotFound)
		_, err = s.Open(ctx, absent)
		require.ErrorIs(t, err, ErrNotFound)
		require.ErrorIs(t, s.Copy(ctx, absent, prefix+"copy"), ErrNotFound)
		require.NoError(t, s.Delete(ctx, absent))
		require.NoError(t, s.Delete(ctx))
	})

	t.Run("a copy keeps type and content", func(t *testing.T) {
		s, prefix := setup(t)
		from := prefix + "ä + b"
		put(t, s, from, "content")
		require.NoError(t, s.Copy(ctx, from, prefix+"to"))
		info, err := s.Head(ctx, prefix+"to")
		require.NoError(t, err)
		require.Equal(t, "text/plain", info.ContentType)
		require.EqualValues(t, 7, info.Bytes)
	})

	t.Run("a list goes on after a key", func(t *testing.T) {
		s, prefix := setup(t)
		var all []string
		for i := range 5 {
			all = append(all, fmt.Sprintf("%sfile%d", prefix, i))
			put(t, s, all[i], "x")
		}
		first, err := s.List(ctx, prefix, "", 2)
		require.NoError(t, err)
		require.Equal(t, all[:2], first)
		rest, err := s.List(ctx, prefix, first[1], 100)
		require.NoError(t, err)
		require.Equal(t, all[2:], rest)

		require.NoError(t, s.Delete(ctx, all...))
		none, err := s.List(ctx, prefix, "", 100)
		require.NoError(t, err)
		require.Empty(t, none)
	})

	t.Run("Ping tells whether the bucket is there", func(t *testing.T) {
		s, _ := setup(t)
		require.NoError(t, s.Ping(ctx))
		s.bucket = "no-such-bucket"
		require.Error(t, s.Ping(ctx))
	})

	t.Run("an S3 that is down is an error within seconds, and not ErrNotFound", func(t *testing.T) {
		t.Parallel()
		s, err := New(ctx, Config{
			Endpoint: "http://127.0.0.1:1", Region: "eu-central-1", Bucket: "b",
			AccessKeyID: "id", SecretAccessKey: "key", PathStyle: true,
		})
		require.NoError(t, err)
		began := time.Now()
		_, err = s.Head(ctx, "key")
		require.Error(t, err)
		require.NotErrorIs(t, err, ErrNotFound)
		require.Less(t, time.Since(began), callTimeout)
		require.NotContains(t, err.Error(), "Signature=")
	})
}
