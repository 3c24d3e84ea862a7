package push

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/platform/fault"
	"atrium/platform/secret"
	"atrium/platform/stacktest"
)

func setup(t *testing.T) (Sender, Message) {
	t.Parallel()
	return newSender(t, stacktest.Env(t, "ATRIUM_PUSH_ENDPOINT")), Message{
		Token: "token-" + uuid.NewString(), Title: "Ada", Body: "likes your room",
		Data: map[string]string{"type": "post.liked"}, CollapseKey: "post.liked:1", TTL: time.Hour,
	}
}

func newSender(t *testing.T, endpoint string) Sender {
	t.Helper()
	sender, err := NewFCM(context.Background(), Config{
		Endpoint: endpoint, Credentials: secret.Text(stacktest.Env(t, "ATRIUM_PUSH_CREDENTIALS")),
	})
	require.NoError(t, err)
	return sender
}

type delivered struct {
	Token        string            `json:"token"`
	Notification map[string]string `json:"notification"`
	Data         map[string]string `json:"data"`
}

func received(t *testing.T, token string) []delivered {
	t.Helper()
	res, err := http.Get(stacktest.Env(t, "ATRIUM_PUSH_ENDPOINT") + "/messages?token=" + url.QueryEscape(token))
	require.NoError(t, err)
	defer res.Body.Close()
	var pushes []delivered
	require.NoError(t, json.NewDecoder(res.Body).Decode(&pushes))
	return pushes
}

func TestSend(t *testing.T) {
	t.Parallel()
	ctx := context.Background()

	t.Run("a push arrives with its data", func(t *testing.T) {
		s, m := setup(t)
		require.NoError(t, s.Send(ctx, m))
		require.Equal(t, []delivered{{m.Token, map[string]string{"title": m.Title, "body": m.Body}, m.Data}}, received(t, m.Token))
	})

	for behaviour, want := range map[string]*fault.Error{
		"unregistered": ErrUnregistered, "invalid_argument": ErrInvalid, "unavailable": ErrUnavailable.After(time.Second),
	} {
		t.Run("a token that is "+behaviour, func(t *testing.T) {
			s, m := setup(t)
			body := strings.NewReader(`{"behave":"` + behaviour + `"}`)
			res, err := http.Post(stacktest.Env(t, "ATRIUM_PUSH_ENDPOINT")+"/tokens/"+m.Token, "application/json", body)
			require.NoError(t, err)
			res.Body.Close()
			err = s.Send(ctx, m)
			require.ErrorIs(t, err, want)
			var f *fault.Error
			require.ErrorAs(t, err, &f)
			require.Equal(t, want.RetryAfter, f.RetryAfter)
			require.NotContains(t, err.Error(), m.Token)
			require.Empty(t, received(t, m.Token))
		})
	}

	t.Run("a service that is gone soon fails at once", func(t *testing.T) {
		t.Parallel()
		s := newSender(t, "http://127.0.0.1:1")
		began := time.Now()
		for range 100 {
			require.ErrorIs(t, s.Send(ctx, Message{Token: "token"}), ErrUnavailable)
		}
		require.Less(t, time.Since(began), callTimeout)
	})
}

// answering makes a sender to an FCM that answers everything alike.
func answering(t *testing.T, status int, retryAfter, body string) Sender {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", retryAfter)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return newSender(t, server.URL)
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	coded := func(status, code string) string {
		return fmt.Sprintf(`{"error":{"status":%q,"details":[{"@type":"x"},{"errorCode":%q}]}}`, status, code)
	}
	for _, tc := range []struct {
		name       string
		status     int
		retryAfter string
		body       string
		want       error
		retry      time.Duration
	}{
		{"an unregistered token", 404, "", coded("NOT_FOUND", "UNREGISTERED"), ErrUnregistered, 0},
		{"an unknown project", 404, "", `{"error":{"status":"NOT_FOUND"}}`, ErrUnavailable, 0},
		{"a token of another sender", 403, "", coded("PERMISSION_DENIED", "SENDER_ID_MISMATCH"), ErrInvalid, 0},
		{"a forbidden project", 403, "", `{"error":{"status":"PERMISSION_DENIED"}}`, ErrUnavailable, 0},
		{"a wrong message", 400, "", coded("INVALID_ARGUMENT", "INVALID_ARGUMENT"), ErrInvalid, 0},
		{"credentials that expired", 401, "", coded("UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR"), ErrUnavailable, 0},
		{"too many", 429, "60", coded("RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"), ErrUnavailable, time.Minute},
		{"an outage", 503, "nonsense", "<html>", ErrUnavailable, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := answering(t, tc.status, tc.retryAfter, tc.body)
			err := s.Send(context.Background(), Message{Token: "token"})
			require.ErrorIs(t, err, tc.want)
			var f *fault.Error
			require.ErrorAs(t, err, &f)
			require.Equal(t, tc.retry, f.RetryAfter)
		})
	}
}

func TestRequest(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	got, err := json.Marshal(toRequest(Message{
		Token: "t", Title: "a", Body: "b", CollapseKey: strings.Repeat("k", 70), TTL: 90 * time.Second,
	}, now))
	require.NoError(t, err)
	require.JSONEq(t, `{"message": {
		"token": "t", "notification": {"title": "a", "body": "b"},
		"android": {"collapse_key": "`+strings.Repeat("k", 70)+`", "ttl": "90s", "notification": {"tag": "`+strings.Repeat("k", 70)+`"}},
		"apns": {"headers": {"apns-collapse-id": "`+strings.Repeat("k", 64)+`", "apns-expiration": "1800000090"}},
		"webpush": {"headers": {"TTL": "90", "Topic": "XGztQetvVWQlSzXIiaOLidHRYAi981H9"}}}}`, string(got))

	bare, err := json.Marshal(toRequest(Message{Token: "t"}, now))
	require.NoError(t, err)
	require.JSONEq(t, `{"message": {"token": "t", "notification": {"title": "", "body": ""}, "android": {}, "apns": {}, "webpush": {}}}`, string(bare))
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0).UTC()
	for text, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-7": 0, "soon": 0,
		now.Add(time.Minute).Format(http.TimeFormat):  time.Minute,
		now.Add(-time.Minute).Format(http.TimeFormat): 0,
	} {
		require.Equal(t, want, retryAfter(http.Header{"Retry-After": {text}}, now), text)
	}
}

func TestNewFCM(t *testing.T) {
	t.Parallel()
	off, err := NewFCM(context.Background(), Config{})
	require.NoError(t, err)
	require.ErrorIs(t, off.Send(context.Background(), Message{Token: "t"}), ErrOff)

	for _, credentials := range []string{"nonsense", `{}`, `{"type":"service_account","client_email":"a@b.test","private_key":"my-key"}`} {
		_, err := NewFCM(context.Background(), Config{Credentials: secret.Text(credentials)})
		require.Error(t, err)
		require.NotContains(t, err.Error(), "my-key")
	}
}
