package main

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
	"os"
	"strings"
	"time"
)

// endpoints are the URLs of .local/endpoints.json.
type endpoints struct {
	API    string `json:"api"`
	Google string `json:"google"`
	Stripe string `json:"stripe"`
	FCM    string `json:"fcm"`
	Mail   string `json:"mail"`
	CDN    string `json:"cdn"`
}

func readEndpoints(path string) (endpoints, error) {
	var e endpoints
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return e, fmt.Errorf("%s is not there: start the stack with `make run` in another terminal", path)
	}
	if err != nil {
		return e, err
	}
	return e, json.Unmarshal(raw, &e)
}

var web = &http.Client{Timeout: 30 * time.Second}

// answer is what came back: its status, its headers and its body.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// failure is an answer with another status than the one promised.
type failure struct {
	what   string
	status int
	body   string
}

func (f failure) Error() string { return fmt.Sprintf("%s answered %d: %s", f.what, f.status, f.body) }

// call sends a JSON request and decodes the answer into out (nil: not wanted). Any status of 400 and above is a failure.
func call(ctx context.Context, method, url, token string, header map[string]string, body, out any) (answer, error) {
	var payload io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return answer{}, err
		}
		payload = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, payload)
	if err != nil {
		return answer{}, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	return send(req, out)
}

func send(req *http.Request, out any) (answer, error) {
	res, err := web.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, 32<<20))
	if err != nil {
		return answer{}, err
	}
	a := answer{status: res.StatusCode, header: res.Header, body: raw}
	if a.status >= 400 {
		return a, failure{req.Method + " " + req.URL.Path, a.status, strings.TrimSpace(string(raw))}
	}
	if out != nil {
		if err := json.Unmarshal(raw, out); err != nil {
			return a, fmt.Errorf("%s %s: %w", req.Method, req.URL.Path, err)
		}
	}
	return a, nil
}

// person is somebody who uses the app.
type person struct {
	stack endpoints
	ID    string
	Email string
	token string
}

func (p *person) call(ctx context.Context, method, path string, body, out any, header ...string) (answer, error) {
	h := map[string]string{}
	for i := 0; i+1 < len(header); i += 2 {
		h[header[i]] = header[i+1]
	}
	return call(ctx, method, p.stack.API+"/v1"+path, p.token, h, body, out)
}

// signIn takes a nonce, has the stand-in for Google mint an ID token with it, and exchanges that for a session.
func signIn(ctx context.Context, stack endpoints, sub, email, name, installation string) (*person, answer, error) {
	p := &person{stack: stack, Email: email}
	var nonce struct {
		Nonce string `json:"nonce"`
	}
	if a, err := p.call(ctx, http.MethodPost, "/auth/nonce", nil, &nonce); err != nil {
		return nil, a, err
	}
	var minted struct {
		IDToken string `json:"id_token"`
	}
	claims := map[string]any{"sub": sub, "email": email, "email_verified": true, "name": name, "nonce": nonce.Nonce}
	if a, err := call(ctx, http.MethodPost, stack.Google+"/mint", "", nil, claims, &minted); err != nil {
		return nil, a, err
	}
	var session struct {
		AccessToken string `json:"access_token"`
		User        struct {
			ID              string `json:"id"`
			PendingConsents []struct {
				Document string `json:"document"`
				Version  string `json:"version"`
			} `json:"pending_consents"`
		} `json:"user"`
	}
	a, err := p.call(ctx, http.MethodPost, "/auth/google/token", map[string]any{"id_token": minted.IDToken,
		"device": map[string]any{"installation_id": installation, "name": "Demo phone", "platform": "ios", "app_version": "1.0.0"}}, &session)
	if err != nil {
		return nil, a, err
	}
	p.ID, p.token = session.User.ID, session.AccessToken
	for _, consent := range session.User.PendingConsents {
		if a, err := p.call(ctx, http.MethodPost, "/me/consents", consent, nil); err != nil {
			return nil, a, err
		}
	}
	return p, a, nil
}

// upload is what the API says about one.
type upload struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	Reason string `json:"reason"`
	Upload struct {
		Method  string            `json:"method"`
		URL     string            `json:"url"`
		Headers map[string]string `json:"headers"`
	} `json:"upload"`
	Photo *photo `json:"photo"`
}

type photo struct {
	Width    int      `json:"width"`
	Height   int      `json:"height"`
	Blurhash string   `json:"blurhash"`
	Src      string   `json:"src"`
	Sizes    []int    `json:"sizes"`
	Formats  []string `json:"formats"`
	Palette  []struct {
		Color string `json:"color"`
	} `json:"palette"`
}

// url fills the photo's template with its largest size.
func (p photo) url(format string) string {
	size := fmt.Sprint(p.Sizes[len(p.Sizes)-1])
	return strings.NewReplacer("{size}", size, "{format}", format).Replace(p.Src)
}

// declare asks where to put a JPEG.
func (p *person) declare(ctx context.Context, jpeg []byte) (upload, answer, error) {
	sum := sha256.Sum256(jpeg)
	var u upload
	a, err := p.call(ctx, http.MethodPost, "/uploads", map[string]any{
		"content_type": "image/jpeg", "bytes": len(jpeg), "sha256": base64.StdEncoding.EncodeToString(sum[:])}, &u)
	return u, a, err
}

// put sends the file exactly as the answer says.
func (u upload) put(ctx context.Context, jpeg []byte) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, u.Upload.Method, u.Upload.URL, bytes.NewReader(jpeg))
	if err != nil {
		return answer{}, err
	}
	for name, value := range u.Upload.Headers {
		if !strings.EqualFold(name, "Content-Length") && !strings.EqualFold(name, "Host") {
			req.Header.Set(name, value)
		}
	}
	return send(req, nil)
}

// ready waits until the variants are there.
func (p *person) ready(ctx context.Context, id string) (upload, answer, error) {
	var u upload
	var last answer
	err := eventually(ctx, 30*time.Second, func() (bool, error) {
		var err error
		if last, err = p.call(ctx, http.MethodGet, "/uploads/"+id, nil, &u); err != nil {
			return false, err
		}
		if u.Status == "failed" {
			return false, fmt.Errorf("the photo failed: %s", u.Reason)
		}
		return u.Status == "ready", nil
	})
	return u, last, err
}

// addPhoto takes a picture all the way to ready and returns its upload's id.
func (p *person) addPhoto(ctx context.Context, jpeg []byte) (string, error) {
	u, _, err := p.declare(ctx, jpeg)
	if err != nil {
		return "", err
	}
	if _, err := u.put(ctx, jpeg); err != nil {
		return "", err
	}
	if _, err := p.call(ctx, http.MethodPost, "/uploads/"+u.ID+"/complete", nil, nil); err != nil {
		return "", err
	}
	_, _, err = p.ready(ctx, u.ID)
	return u.ID, err
}

// eventually asks again and again until the answer is yes, an error comes, or the time is up.
func eventually(ctx context.Context, limit time.Duration, ask func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := ask(); err != nil || ok {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it did not happen within %s", limit)
		case <-tick.C:
		}
	}
}
