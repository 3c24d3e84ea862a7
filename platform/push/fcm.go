package push

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"

	"atrium/platform/breaker"
)

const (
	production  = "https://fcm.googleapis.com"
	scope       = "https://www.googleapis.com/auth/firebase.messaging"
	callTimeout = 10 * time.Second
	atOnce      = 64
	answerLimit = 64 << 10
	// collapseLimit is APNs' bound on a collapse id, in bytes.
	collapseLimit = 64
)

// fcm is the Sender that speaks to Firebase Cloud Messaging.
type fcm struct {
	url     string
	client  *http.Client
	breaker *breaker.Breaker
}

// NewFCM makes the adapter; nothing is sent yet. Without credentials it is Off. ctx lends its values only.
func NewFCM(ctx context.Context, cfg Config) (Sender, error) {
	if cfg.Credentials == "" {
		return Off{}, nil
	}
	credentials := []byte(cfg.Credentials.Reveal())
	var account struct {
		ProjectID string `json:"project_id"`
	}
	config, err := google.JWTConfigFromJSON(credentials, scope)
	if err != nil || json.Unmarshal(credentials, &account) != nil || account.ProjectID == "" {
		return nil, errors.New("push: the credentials are not the JSON of a service account") // their text stays secret
	}
	endpoint := production
	if cfg.Endpoint != "" {
		endpoint = strings.TrimRight(cfg.Endpoint, "/")
	}
	// The client gets its access tokens by the same means, within the same time.
	ctx = context.WithValue(context.WithoutCancel(ctx), oauth2.HTTPClient, &http.Client{Timeout: callTimeout})
	client := config.Client(ctx)
	client.Timeout = callTimeout
	return &fcm{
		url:     endpoint + "/v1/projects/" + url.PathEscape(account.ProjectID) + "/messages:send",
		client:  client,
		breaker: breaker.New(atOnce, func(err error) bool { return errors.Is(err, ErrUnavailable) }),
	}, nil
}

// Send implements Sender.
func (f *fcm) Send(ctx context.Context, m Message) error {
	body, err := json.Marshal(toRequest(m, time.Now()))
	if err != nil {
		return ErrInvalid.Because(err)
	}
	err = f.breaker.Do(ctx, func() error { return f.post(ctx, body) })
	if err == nil || errors.Is(err, ErrUnregistered) || errors.Is(err, ErrInvalid) || errors.Is(err, ErrUnavailable) {
		return err
	}
	return ErrUnavailable.Because(err)
}

func (f *fcm) post(ctx context.Context, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.url, bytes.NewReader(body))
	if err != nil {
		return ErrInvalid.Because(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := f.client.Do(req)
	if err != nil {
		return ErrUnavailable.Because(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, answerLimit))
	if err != nil {
		return ErrUnavailable.Because(err)
	}
	if res.StatusCode == http.StatusOK {
		return nil
	}
	return toFault(res.StatusCode, retryAfter(res.Header, time.Now()), answer)
}

// toFault reads FCM's own code. A bare 404 or 403 is about the project, not about the token, so no token is forgotten for it.
func toFault(status int, retry time.Duration, answer []byte) error {
	var problem struct {
		Error struct {
			Status  string `json:"status"`
			Details []struct {
				ErrorCode string `json:"errorCode"`
			} `json:"details"`
		} `json:"error"`
	}
	_ = json.Unmarshal(answer, &problem) // what is not JSON has no code
	code := problem.Error.Status
	for _, detail := range problem.Error.Details {
		if detail.ErrorCode != "" {
			code = detail.ErrorCode
		}
	}
	cause := fmt.Errorf("%d %s", status, code)
	switch {
	case code == "UNREGISTERED":
		return ErrUnregistered.Because(cause)
	case status == http.StatusBadRequest, code == "SENDER_ID_MISMATCH":
		return ErrInvalid.Because(cause)
	default:
		return ErrUnavailable.Because(cause).After(retry)
	}
}

// retryAfter reads Retry-After: seconds or a date. 0 where it says nothing.
func retryAfter(header http.Header, now time.Time) time.Duration {
	text := header.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil {
		return max(0, time.Duration(seconds)*time.Second)
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

type request struct {
	Message message `json:"message"`
}

type message struct {
	Token        string            `json:"token"`
	Notification notification      `json:"notification"`
	Data         map[string]string `json:"data,omitempty"`
	Android      android           `json:"android"`
	APNS         platform          `json:"apns"`
	Webpush      platform          `json:"webpush"`
}

type notification struct {
	Title string `json:"title"`
	Body  string `json:"body"`
}

type android struct {
	CollapseKey  string               `json:"collapse_key,omitempty"`
	TTL          string               `json:"ttl,omitempty"`
	Notification *androidNotification `json:"notification,omitempty"`
}

// androidNotification is what a device shows; of one tag only the newest.
type androidNotification struct {
	Tag string `json:"tag"`
}

type platform struct {
	Headers map[string]string `json:"headers,omitempty"`
}

// topic is a key as Web Push takes it: at most 32 characters that are safe in a URL (RFC 8030).
func topic(key string) string {
	sum := sha256.Sum256([]byte(key))
	return base64.RawURLEncoding.EncodeToString(sum[:24])
}

func toRequest(m Message, now time.Time) request {
	out := message{
		Token:        m.Token,
		Notification: notification{m.Title, m.Body},
		Data:         m.Data,
		Android:      android{CollapseKey: m.CollapseKey},
		APNS:         platform{map[string]string{}},
		Webpush:      platform{map[string]string{}},
	}
	if m.CollapseKey != "" {
		out.Android.Notification = &androidNotification{Tag: m.CollapseKey}
		out.APNS.Headers["apns-collapse-id"] = m.CollapseKey[:min(len(m.CollapseKey), collapseLimit)]
		out.Webpush.Headers["Topic"] = topic(m.CollapseKey)
	}
	if m.TTL > 0 {
		seconds := int64(m.TTL / time.Second)
		out.Android.TTL = strconv.FormatInt(seconds, 10) + "s"
		out.APNS.Headers["apns-expiration"] = strconv.FormatInt(now.Unix()+seconds, 10)
		out.Webpush.Headers["TTL"] = strconv.FormatInt(seconds, 10)
	}
	return request{out}
}
