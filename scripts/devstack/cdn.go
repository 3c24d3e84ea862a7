package main

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// cdn serves a bucket's objects as CloudFront does: what is public to anyone,
// the rest to those who hold a URL signed with the key pair. What it has served
// it keeps until that is invalidated.
type cdn struct {
	client *s3.Client
	key    *rsa.PublicKey
	caller aws.Credentials // who may invalidate
	edge   *edge
}

func (c *cdn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost && r.URL.Path == invalidation {
		c.invalidate(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "", http.StatusMethodNotAllowed)
		return
	}
	bucket, key := bucketName, strings.TrimPrefix(r.URL.Path, "/")
	if rest, found := strings.CutPrefix(key, "b/"); found { // another bucket, for tests
		bucket, key, _ = strings.Cut(rest, "/")
	}
	// CORS is for web clients that draw a photo on a canvas.
	w.Header().Set("Access-Control-Allow-Origin", "*")
	switch {
	case path.Clean("/"+key) != "/"+key: // public/../originals/x is not public
		denyAccess(w, "AccessDenied", "access denied")
	case strings.HasPrefix(key, "public/"):
		c.serve(w, r, bucket, key, time.Time{})
	case key == "", strings.HasPrefix(key, "quarantine/"), strings.HasPrefix(key, "originals/"):
		denyAccess(w, "AccessDenied", "access denied")
	default:
		until, err := checkSignature(c.key, requestedURL(r), time.Now())
		if err != nil {
			denyAccess(w, "AccessDenied", err.Error())
			return
		}
		c.serve(w, r, bucket, key, until)
	}
}

// lifetime is what viewers are told of how long they may keep a file: as long
// as the signature opens it, and none but this viewer; for ever where there is
// no signature. The edge keeps its own for as long as it likes. In production a
// function of the distribution does it: docs/runbooks/cdn.md.
func lifetime(until time.Time) string {
	if until.IsZero() {
		return "public, max-age=31536000, immutable"
	}
	return fmt.Sprintf("private, max-age=%d", max(0, int(time.Until(until)/time.Second)))
}

// serve streams the object; a range and conditions are S3's business.
func (c *cdn) serve(w http.ResponseWriter, r *http.Request, bucket, key string, until time.Time) {
	public := until.IsZero()
	whole := r.Method == http.MethodGet && r.Header.Get("Range") == "" && r.Header.Get("If-None-Match") == ""
	if kept, found := c.edge.get(r.URL.Path); found && whole {
		maps.Copy(w.Header(), kept.header)
		w.Header().Set("Cache-Control", lifetime(until))
		w.Header().Set("X-Cache", "Hit from cloudfront")
		_, _ = w.Write(kept.body)
		return
	}
	input := &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)}
	if value := r.Header.Get("Range"); value != "" {
		input.Range = aws.String(value)
	}
	object, err := c.client.GetObject(r.Context(), input)
	if err != nil {
		refuseObject(w, err, public)
		return
	}
	defer object.Body.Close()
	header := w.Header()
	header.Set("Accept-Ranges", "bytes")
	header.Set("Content-Type", aws.ToString(object.ContentType))
	header.Set("ETag", aws.ToString(object.ETag))
	header.Set("X-Content-Type-Options", "nosniff")
	if object.LastModified != nil {
		header.Set("Last-Modified", object.LastModified.UTC().Format(http.TimeFormat))
	}
	header.Set("Cache-Control", lifetime(until))
	if etag := aws.ToString(object.ETag); etag != "" && r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Length", strconv.FormatInt(aws.ToInt64(object.ContentLength), 10))
	status := http.StatusOK
	if object.ContentRange != nil {
		header.Set("Content-Range", *object.ContentRange)
		status = http.StatusPartialContent
	}
	w.WriteHeader(status)
	switch {
	case whole:
		c.edge.keep(r.URL.Path, header, object.Body, aws.ToInt64(object.ContentLength), w)
	case r.Method == http.MethodGet:
		_, _ = io.Copy(w, object.Body)
	}
}

// refuseObject tells that a public key is missing, but not whether a private one is:
// CloudFront has no permission to list.
func refuseObject(w http.ResponseWriter, err error, public bool) {
	var response *awshttp.ResponseError
	status := http.StatusServiceUnavailable
	if errors.As(err, &response) {
		status = response.HTTPStatusCode()
	}
	switch {
	case status == http.StatusRequestedRangeNotSatisfiable:
		w.WriteHeader(status)
	case status == http.StatusServiceUnavailable:
		w.WriteHeader(status)
	case public:
		writeXML(w, http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
	default:
		denyAccess(w, "AccessDenied", "access denied")
	}
}

func denyAccess(w http.ResponseWriter, code, text string) {
	writeXML(w, http.StatusForbidden, code, text)
}

func writeXML(w http.ResponseWriter, status int, code, text string) {
	w.Header().Set("Content-Type", "text/xml")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>%s</Message></Error>`, code, text)
}

func requestedURL(r *http.Request) string { return "http://" + r.Host + r.RequestURI }

// policy is CloudFront's policy document.
type policy struct {
	Statement []struct {
		Resource  string
		Condition struct {
			DateLessThan    *epoch
			DateGreaterThan *epoch
		}
	}
}

type epoch struct {
	Time int64 `json:"AWS:EpochTime"`
}

// checkSignature answers until when a URL is valid that the key signed. The
// reasons of a refusal are short: the client gets to see them.
func checkSignature(key *rsa.PublicKey, requested string, now time.Time) (until time.Time, err error) {
	resource, query := splitSignature(requested)
	if query.Get("Signature") == "" || query.Get("Key-Pair-Id") == "" {
		return until, errors.New("missing Key-Pair-Id or Signature")
	}
	if query.Get("Key-Pair-Id") != cdnKeyPairID {
		return until, errors.New("unknown key")
	}
	document, err := signedDocument(resource, query)
	if err != nil {
		return until, err
	}
	signature, err := decodeCloudFront(query.Get("Signature"))
	if err != nil {
		return until, errors.New("malformed signature")
	}
	sum := sha1.Sum(document) // CloudFront's choice
	if rsa.VerifyPKCS1v15(key, crypto.SHA1, sum[:], signature) != nil {
		return until, errors.New("invalid signature")
	}
	return checkPolicy(document, resource, now)
}

// signedDocument is what was signed: the custom policy, or the canned one that
// CloudFront builds from the URL and its expiry.
func signedDocument(resource string, query url.Values) ([]byte, error) {
	if encoded := query.Get("Policy"); encoded != "" {
		document, err := decodeCloudFront(encoded)
		if err != nil {
			return nil, errors.New("malformed policy")
		}
		return document, nil
	}
	expires, err := strconv.ParseInt(query.Get("Expires"), 10, 64)
	if err != nil {
		return nil, errors.New("missing Expires or Policy")
	}
	return fmt.Appendf(nil, `{"Statement":[{"Resource":"%s","Condition":{"DateLessThan":{"AWS:EpochTime":%d}}}]}`, resource, expires), nil
}

func checkPolicy(document []byte, resource string, now time.Time) (end time.Time, err error) {
	var parsed policy
	if err := json.Unmarshal(document, &parsed); err != nil || len(parsed.Statement) != 1 {
		return end, errors.New("malformed policy")
	}
	statement := parsed.Statement[0]
	until, from := statement.Condition.DateLessThan, statement.Condition.DateGreaterThan
	switch {
	case until == nil:
		return end, errors.New("malformed policy")
	case now.Unix() >= until.Time, from != nil && now.Unix() <= from.Time:
		return end, errors.New("access denied")
	case !wildcardMatch(statement.Resource, resource):
		return end, errors.New("access denied")
	}
	return time.Unix(until.Time, 0), nil
}

// splitSignature takes the signature's parameters off a URL and leaves the rest,
// byte for byte: that is what was signed.
func splitSignature(requested string) (resource string, signature url.Values) {
	base, raw, _ := strings.Cut(requested, "?")
	signature = url.Values{}
	var rest []string
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if slices.Contains([]string{"Expires", "Policy", "Signature", "Key-Pair-Id"}, name) {
			if plain, err := url.QueryUnescape(value); err == nil {
				signature.Add(name, plain)
			}
		} else if pair != "" {
			rest = append(rest, pair)
		}
	}
	if len(rest) > 0 {
		base += "?" + strings.Join(rest, "&")
	}
	return base, signature
}

// decodeCloudFront reads base64 in CloudFront's alphabet: + = / are - _ ~.
func decodeCloudFront(text string) ([]byte, error) {
	return base64.StdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "=", "~", "/").Replace(text))
}

// wildcardMatch knows * (any run of characters) and ? (exactly one).
func wildcardMatch(pattern, text string) bool {
	star, mark := -1, 0
	p, t := 0, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
