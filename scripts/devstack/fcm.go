package main

import (
	"bytes"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	pushLimit       = 20_000
	pushPayloadSize = 4096
)

// fcm takes pushes as Firebase Cloud Messaging's HTTP v1 API does and shows them.
type fcm struct {
	url     string         // its own
	account *rsa.PublicKey // of the service account

	mu       sync.Mutex
	access   *recent[time.Time] // access token -> its end
	behave   *recent[string]    // device token -> what happens to its pushes
	messages *recent[pushed]
}

type pushed struct {
	Name         string            `json:"name"`
	Token        string            `json:"token"`
	Notification json.RawMessage   `json:"notification"`
	Data         map[string]string `json:"data"`
	Android      json.RawMessage   `json:"android,omitempty"`
	APNS         json.RawMessage   `json:"apns,omitempty"`
	Webpush      json.RawMessage   `json:"webpush,omitempty"`
	At           string            `json:"at"`
}

func newFCM(account *rsa.PublicKey) *fcm {
	return &fcm{
		account: account, access: newRecent[time.Time](1000),
		behave: newRecent[string](pushLimit), messages: newRecent[pushed](pushLimit),
	}
}

func (f *fcm) handler(url string) http.Handler {
	f.url = url
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", f.grantAccess)
	mux.HandleFunc("POST /v1/projects/{project}/messages:send", f.send)
	mux.HandleFunc("GET /messages", f.list)
	mux.HandleFunc("POST /tokens/{token}", f.setBehaviour)
	return mux
}

// grantAccess is the OAuth endpoint: a JWT signed by the service account buys an
// access token.
func (f *fcm) grantAccess(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	if err := r.ParseForm(); err != nil || r.PostForm.Get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		writeJSON(w, http.StatusBadRequest, oauthError("unsupported_grant_type", "Invalid grant_type"))
		return
	}
	claims := jwt.MapClaims{}
	_, err := jwt.ParseWithClaims(r.PostForm.Get("assertion"), claims, func(*jwt.Token) (any, error) { return f.account, nil },
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer(pushAccount), jwt.WithAudience(f.url+"/token"),
		jwt.WithExpirationRequired(), jwt.WithLeeway(10*time.Second))
	if err != nil {
		writeJSON(w, http.StatusBadRequest, oauthError("invalid_grant", "Invalid JWT: "+err.Error()))
		return
	}
	if scope, _ := claims["scope"].(string); scope == "" {
		writeJSON(w, http.StatusBadRequest, oauthError("invalid_scope", "Empty or missing scope not allowed."))
		return
	}
	token := "ya29." + randomHex(24)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.access.put(token, time.Now().Add(time.Hour))
	writeJSON(w, http.StatusOK, map[string]any{"access_token": token, "expires_in": 3599, "token_type": "Bearer"})
}

// pushRequest has exactly the fields that FCM knows: it refuses others.
type pushRequest struct {
	ValidateOnly bool `json:"validate_only"`
	Message      *struct {
		Name         string            `json:"name"`
		Token        string            `json:"token"`
		Topic        string            `json:"topic"`
		Condition    string            `json:"condition"`
		Notification json.RawMessage   `json:"notification"`
		Data         map[string]string `json:"data"`
		Android      json.RawMessage   `json:"android"`
		APNS         json.RawMessage   `json:"apns"`
		Webpush      json.RawMessage   `json:"webpush"`
		FCMOptions   json.RawMessage   `json:"fcm_options"`
	} `json:"message"`
}

func (f *fcm) send(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if until, known := f.access.get(token); !known || time.Now().After(until) {
		refusePush(w, http.StatusUnauthorized, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR", "Request had invalid authentication credentials.")
		return
	}
	if r.PathValue("project") != pushProject {
		refusePush(w, http.StatusForbidden, "PERMISSION_DENIED", "SENDER_ID_MISMATCH", "The project is not the credentials' own.")
		return
	}
	request, err := parsePush(w, r)
	if err != nil {
		refusePush(w, http.StatusBadRequest, "INVALID_ARGUMENT", "INVALID_ARGUMENT", err.Error())
		return
	}
	message := request.Message
	behaviour, _ := f.behave.get(message.Token)
	switch behaviour {
	case "unregistered":
		refusePush(w, http.StatusNotFound, "NOT_FOUND", "UNREGISTERED", "Requested entity was not found.")
		return
	case "invalid_argument":
		refusePush(w, http.StatusBadRequest, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "The registration token is not a valid FCM registration token")
		return
	case "unavailable":
		w.Header().Set("Retry-After", "1")
		refusePush(w, http.StatusServiceUnavailable, "UNAVAILABLE", "UNAVAILABLE", "The service is currently unavailable.")
		return
	}
	name := "projects/" + pushProject + "/messages/" + newUUID()
	if !request.ValidateOnly {
		data := message.Data
		if data == nil {
			data = map[string]string{}
		}
		f.messages.put(name, pushed{name, message.Token, message.Notification, data, message.Android, message.APNS, message.Webpush, timestamp(time.Now())})
	}
	writeJSON(w, http.StatusOK, map[string]string{"name": name})
}

func parsePush(w http.ResponseWriter, r *http.Request) (pushRequest, error) {
	var request pushRequest
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil {
		return request, errors.New("invalid JSON payload received: " + err.Error())
	}
	message := request.Message
	if message == nil || message.Token == "" || message.Topic != "" || message.Condition != "" {
		return request, errors.New("the recipient is not set: this stand-in sends to tokens")
	}
	payload, _ := json.Marshal(message.Data)
	if len(payload)+len(bytes.TrimSpace(message.Notification)) > pushPayloadSize {
		return request, errors.New("the message is too big")
	}
	return request, nil
}

// refusePush answers in Google's shape with FCM's own detail.
func refusePush(w http.ResponseWriter, status int, name, code, text string) {
	writeJSON(w, status, map[string]any{"error": map[string]any{
		"code": status, "message": text, "status": name,
		"details": []map[string]string{{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}},
	}})
}

func (f *fcm) list(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	wanted := r.URL.Query().Get("token")
	messages := []pushed{}
	for _, message := range f.messages.values() {
		if wanted == "" || message.Token == wanted {
			messages = append(messages, message)
		}
	}
	writeJSON(w, http.StatusOK, messages)
}

func (f *fcm) setBehaviour(w http.ResponseWriter, r *http.Request) {
	var body struct{ Behave string }
	if !readJSON(w, r, &body) {
		return
	}
	switch body.Behave {
	case "ok", "unregistered", "invalid_argument", "unavailable":
	default:
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "behave is ok, unregistered, invalid_argument or unavailable"})
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.behave.put(r.PathValue("token"), body.Behave)
	w.WriteHeader(http.StatusNoContent)
}
