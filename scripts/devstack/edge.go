package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const (
	edgeLimit    = 64 << 20 // bytes that the edge keeps
	edgeFile     = 4 << 20  // of one file; larger ones are not kept
	distribution = "EATRIUMLOCAL1"
	invalidation = "/2020-05-31/distribution/" + distribution + "/invalidation"
	mostPaths    = 3000 // of one invalidation, as in CloudFront
)

// edge keeps what the CDN has served, by its path, until it is invalidated: what was deleted in the bucket is still served.
type edge struct {
	mu    sync.Mutex
	files map[string]edgeCopy
	order []string // the oldest first
	bytes int
}

type edgeCopy struct {
	header http.Header
	body   []byte
}

func newEdge() *edge { return &edge{files: map[string]edgeCopy{}} }

func (e *edge) get(path string) (edgeCopy, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	found, ok := e.files[path]
	return found, ok
}

func (e *edge) put(path string, c edgeCopy) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, known := e.files[path]; known {
		return
	}
	e.files[path], e.order, e.bytes = c, append(e.order, path), e.bytes+len(c.body)
	for e.bytes > edgeLimit {
		e.drop(e.order[0])
		e.order = e.order[1:]
	}
}

func (e *edge) drop(path string) {
	e.bytes -= len(e.files[path].body)
	delete(e.files, path)
}

// invalidate forgets the path, or with a * at its end all that begin like it.
func (e *edge) invalidate(pattern string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	prefix, wild := strings.CutSuffix(pattern, "*")
	kept := e.order[:0]
	for _, known := range e.order {
		if known == pattern || wild && strings.HasPrefix(known, prefix) {
			e.drop(known)
			continue
		}
		kept = append(kept, known)
	}
	e.order = kept
}

// batch is CloudFront's request for an invalidation, and a part of its answer.
type batch struct {
	CallerReference string   `xml:"CallerReference"`
	Quantity        int      `xml:"Paths>Quantity"`
	Paths           []string `xml:"Paths>Items>Path"`
}

type invalidated struct {
	XMLName    xml.Name  `xml:"Invalidation"`
	ID         string    `xml:"Id"`
	Status     string    `xml:"Status"`
	CreateTime time.Time `xml:"CreateTime"`
	Batch      batch     `xml:"InvalidationBatch"`
}

// invalidate is CloudFront's CreateInvalidation, done at once.
func (c *cdn) invalidate(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		writeXML(w, http.StatusRequestEntityTooLarge, "InvalidArgument", "too long")
		return
	}
	if err := c.checkCaller(r, body); err != nil {
		denyAccess(w, "AccessDenied", err.Error())
		return
	}
	var b batch
	if err := xml.Unmarshal(body, &b); err != nil || b.CallerReference == "" || len(b.Paths) == 0 || b.Quantity != len(b.Paths) {
		writeXML(w, http.StatusBadRequest, "InvalidArgument", "malformed batch")
		return
	}
	if len(b.Paths) > mostPaths {
		writeXML(w, http.StatusBadRequest, "TooManyInvalidationsInProgress", "at most 3000 paths")
		return
	}
	for i, pattern := range b.Paths {
		plain, err := url.PathUnescape(pattern)
		if err != nil || !strings.HasPrefix(plain, "/") {
			writeXML(w, http.StatusBadRequest, "InvalidArgument", "a path begins with / and is escaped")
			return
		}
		b.Paths[i] = plain
	}
	for _, pattern := range b.Paths {
		c.edge.invalidate(pattern)
	}
	w.Header().Set("Content-Type", "text/xml")
	id := "I" + strings.ToUpper(newUUID()[:13])
	w.Header().Set("Location", path.Join(invalidation, id))
	w.WriteHeader(http.StatusCreated)
	_ = xml.NewEncoder(w).Encode(invalidated{ID: id, Status: "Completed", CreateTime: time.Now().UTC(), Batch: b})
}

// checkCaller signs the request once more with the account's own keys and compares.
func (c *cdn) checkCaller(r *http.Request, body []byte) error {
	given := r.Header.Get("Authorization")
	_, names, _ := strings.Cut(given, "SignedHeaders=")
	names, _, _ = strings.Cut(names, ",")
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil || time.Since(at).Abs() > 5*time.Minute {
		return errors.New("the request has no date, or one that is not now")
	}
	again, err := http.NewRequestWithContext(r.Context(), r.Method, requestedURL(r), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("cdn: %w", err)
	}
	for name := range strings.SplitSeq(names, ";") {
		if value := r.Header.Get(name); value != "" {
			again.Header.Set(name, value)
		}
	}
	sum := sha256.Sum256(body)
	err = v4.NewSigner().SignHTTP(r.Context(), c.caller, again, hex.EncodeToString(sum[:]), "cloudfront", "us-east-1", at)
	if err != nil || again.Header.Get("Authorization") != given {
		return errors.New("the request's signature does not match")
	}
	return nil
}

// keep copies a whole file on its way to the client, and keeps it if it arrives.
func (e *edge) keep(path string, header http.Header, body io.Reader, length int64, w io.Writer) {
	if length > edgeFile {
		_, _ = io.Copy(w, body)
		return
	}
	var whole bytes.Buffer
	_, _ = io.Copy(w, io.TeeReader(body, &whole)) // a client that has gone away is no matter
	if int64(whole.Len()) == length {
		e.put(path, edgeCopy{header: header.Clone(), body: whole.Bytes()})
	}
}
