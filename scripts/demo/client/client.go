// Package client is a client of Atrium that does what the app does, for the demo, the end-to-end tests and the load test.
package client

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

// Endpoints are the URLs of .local/Endpoints.json.
type Endpoints struct {
	API    string `json:"api"`
	Google string `json:"google"`
	Stripe string `json:"stripe"`
	FCM    string `json:"fcm"`
	Mail   string `json:"mail"`
	CDN    string `json:"cdn"`
}

// ReadEndpoints reads the file.
func ReadEndpoints(path string) (Endpoints, error) {
	var e Endpoints
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return e, fmt.Errorf("%s is not there: start the stack with `make run` in another terminal", path)
	}
	if err != nil {
		return e, err
	}
	return e, json.Unmarshal(raw, &e)
}

// Ready waits until Atrium answers, a minute at most.
func (e Endpoints) Ready(ctx context.Context) error {
	err := Eventually(ctx, time.Minute, func() (bool, error) {
		_, err := Call(ctx, http.MethodGet, e.API+"/readyz", "", nil, nil, nil)
		return err == nil, nil
	})
	if err != nil {
		return fmt.Errorf("no answer at %s: %w", e.API, err)
	}
	return nil
}

var web = &http.Client{Timeout: 30 * time.Second}

// Answer is what came back: its status, its headers and its body.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Failure is an Answer with another status than the one promised.
type Failure struct {
	What   string
	Status int
	Body   string
}

// Error says what came instead.
func (f Failure) Error() string { return fmt.Sprintf("%s answered %d: %s", f.What, f.Status, f.Body) }

// Call sends a JSON request and decodes the Answer into out (nil: not wanted). Any status of 400 and above is a Failure.
func Call(ctx context.Context, method, url, token string, header map[string]string, body, out any) (Answer, error) {
	var payload io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return Answer{}, err
		}
		payload = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, payload)
	if err != nil {
		return Answer{}, err
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

func send(req *http.Request, out any) (Answer, error) {
	res, err := web.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, 32<<20))
	if err != nil {
		return Answer{}, err
	}
	a := Answer{Status: res.StatusCode, Header: res.Header, Body: raw}
	if a.Status >= 400 {
		return a, Failure{req.Method + " " + req.URL.Path, a.Status, strings.TrimSpace(string(raw))}
	}
	if out != nil {
		if err := json.Unmarshal(raw, out); err != nil {
			return a, fmt.Errorf("%s %s: %w", req.Method, req.URL.Path, err)
		}
	}
	return a, nil
}

// Person is somebody who uses the app.
type Person struct {
	stack Endpoints
	ID    string
	Email string
	Token string
}

// Call sends a request below /v1 as this person; header holds names and values in turn.
func (p *Person) Call(ctx context.Context, method, path string, body, out any, header ...string) (Answer, error) {
	h := map[string]string{}
	for i := 0; i+1 < len(header); i += 2 {
		h[header[i]] = header[i+1]
	}
	return Call(ctx, method, p.stack.API+"/v1"+path, p.Token, h, body, out)
}

// SignIn takes a nonce, has the stand-in for Google mint an ID token with it, and exchanges that for a session.
func SignIn(ctx context.Context, stack Endpoints, sub, email, name, installation string) (*Person, Answer, error) {
	p := &Person{stack: stack, Email: email}
	var nonce struct {
		Nonce string `json:"nonce"`
	}
	if a, err := p.Call(ctx, http.MethodPost, "/auth/nonce", nil, &nonce); err != nil {
		return nil, a, err
	}
	var minted struct {
		IDToken string `json:"id_token"`
	}
	claims := map[string]any{"sub": sub, "email": email, "email_verified": true, "name": name, "nonce": nonce.Nonce}
	if a, err := Call(ctx, http.MethodPost, stack.Google+"/mint", "", nil, claims, &minted); err != nil {
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
	a, err := p.Call(ctx, http.MethodPost, "/auth/google/token", map[string]any{"id_token": minted.IDToken,
		"device": map[string]any{"installation_id": installation, "name": "Demo phone", "platform": "ios", "app_version": "1.0.0"}}, &session)
	if err != nil {
		return nil, a, err
	}
	p.ID, p.Token = session.User.ID, session.AccessToken
	for _, consent := range session.User.PendingConsents {
		if a, err := p.Call(ctx, http.MethodPost, "/me/consents", consent, nil); err != nil {
			return nil, a, err
		}
	}
	return p, a, nil
}

// Upload is what the API says about one.
type Upload struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	Reason string `json:"reason"`
	Upload struct {
		Method  string            `json:"method"`
		URL     string            `json:"url"`
		Headers map[string]string `json:"headers"`
	} `json:"upload"`
	Photo *Photo `json:"photo"`
}

// Photo is the API's Photo.
type Photo struct {
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

// URL fills the photo's template with its largest size.
func (p Photo) URL(format string) string {
	size := fmt.Sprint(p.Sizes[len(p.Sizes)-1])
	return strings.NewReplacer("{size}", size, "{format}", format).Replace(p.Src)
}

// Declare asks where to put a JPEG.
func (p *Person) Declare(ctx context.Context, jpeg []byte) (Upload, Answer, error) {
	return p.DeclareAs(ctx, "image/jpeg", jpeg)
}

// DeclareAs asks where to put a file of any type.
func (p *Person) DeclareAs(ctx context.Context, contentType string, content []byte) (Upload, Answer, error) {
	sum := sha256.Sum256(content)
	var u Upload
	a, err := p.Call(ctx, http.MethodPost, "/uploads", map[string]any{
		"content_type": contentType, "bytes": len(content), "sha256": base64.StdEncoding.EncodeToString(sum[:])}, &u)
	return u, a, err
}

// Put sends the file exactly as the Answer says.
func (u Upload) Put(ctx context.Context, jpeg []byte) (Answer, error) {
	req, err := http.NewRequestWithContext(ctx, u.Upload.Method, u.Upload.URL, bytes.NewReader(jpeg))
	if err != nil {
		return Answer{}, err
	}
	for name, value := range u.Upload.Headers {
		if !strings.EqualFold(name, "Content-Length") && !strings.EqualFold(name, "Host") {
			req.Header.Set(name, value)
		}
	}
	return send(req, nil)
}

// Ready waits until the variants are there.
func (p *Person) Ready(ctx context.Context, id string) (Upload, Answer, error) {
	var u Upload
	var last Answer
	err := Eventually(ctx, 30*time.Second, func() (bool, error) {
		var err error
		if last, err = p.Call(ctx, http.MethodGet, "/uploads/"+id, nil, &u); err != nil {
			return false, err
		}
		if u.Status == "failed" {
			return false, fmt.Errorf("the photo failed: %s", u.Reason)
		}
		return u.Status == "ready", nil
	})
	return u, last, err
}

// AddPhoto takes a picture all the way to ready and returns its upload's id.
func (p *Person) AddPhoto(ctx context.Context, jpeg []byte) (string, error) {
	u, _, err := p.Declare(ctx, jpeg)
	if err != nil {
		return "", err
	}
	if _, err := u.Put(ctx, jpeg); err != nil {
		return "", err
	}
	if _, err := p.Call(ctx, http.MethodPost, "/uploads/"+u.ID+"/complete", nil, nil); err != nil {
		return "", err
	}
	_, _, err = p.Ready(ctx, u.ID)
	return u.ID, err
}

// Eventually asks again and again until the Answer is yes, an error comes, or the time is up.
func Eventually(ctx context.Context, limit time.Duration, ask func() (bool, error)) error {
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
