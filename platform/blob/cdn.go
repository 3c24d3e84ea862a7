package blob

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/cloudfront/sign"

	"atrium/platform/cache"
	"atrium/platform/secret"
)

// cachedSignatures bounds the memory of the signatures kept: about 1 kB each.
const cachedSignatures = 24 * cache.MB

// CDNConfig says under which URL the bucket is served, with which key private URLs are signed, and which distribution it is
// (CloudFront). Endpoint is that of CloudFront's own API: empty on AWS.
type CDNConfig struct {
	URL            string      `koanf:"url" validate:"required,url"`
	KeyPairID      string      `koanf:"key_pair_id" validate:"required"`
	PrivateKey     secret.Text `koanf:"private_key" validate:"required"` // PEM, RSA
	DistributionID string      `koanf:"distribution_id" validate:"required"`
	Endpoint       string      `koanf:"endpoint" validate:"omitempty,url"`
}

// CDN makes public and signed URLs. Safe for concurrent use.
type CDN struct {
	url        string
	keyPairID  string
	key        *rsa.PrivateKey
	signatures *cache.Local[grant, string]
	made       atomic.Int64
}

// grant is what a signature allows: everything below prefix, until then (Unix seconds).
type grant struct {
	prefix  string
	expires int64
}

// NewCDN reads the key.
func NewCDN(cfg CDNConfig) (*CDN, error) {
	key, err := parseKey(cfg.PrivateKey)
	if err != nil {
		return nil, err
	}
	return &CDN{
		url:        strings.TrimRight(cfg.URL, "/"),
		keyPairID:  cfg.KeyPairID,
		key:        key,
		signatures: cache.NewLocal("cdn.signatures", cachedSignatures, func(g grant, _ string) time.Duration { return time.Until(time.Unix(g.expires, 0)) }),
	}, nil
}

func parseKey(text secret.Text) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(text.Reveal()))
	if block == nil {
		return nil, errors.New("blob: the CDN's private key is not PEM")
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("blob: the CDN's private key is neither PKCS #1 nor PKCS #8")
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("blob: the CDN's private key is not RSA")
	}
	return key, nil
}

// Signatures returns how many signatures were made so far; those from the cache are not among them.
func (c *CDN) Signatures() int64 { return c.made.Load() }

// Public returns the URL of a key. By itself it opens what lies below public/; anything else needs a "?" and the query
// of SignPrefix after it.
func (c *CDN) Public(key string) string { return c.url + "/" + key }

// SignPrefix returns the query string (without "?") that opens every file whose key starts with prefix, by one custom policy,
// and when it ends: between ttl/2 and ttl from now, the same for everybody asking in the same window. Signatures are cached,
// since one costs 0.84 ms. It refuses an empty prefix and one with the policy's wildcards in it.
func (c *CDN) SignPrefix(prefix string, ttl time.Duration) (query string, expires time.Time, err error) {
	if prefix == "" || strings.ContainsAny(prefix, `*?"\`) || ttl < 2*time.Second {
		return "", time.Time{}, fmt.Errorf("blob: %q cannot be signed for %s", prefix, ttl)
	}
	expires = windowEnd(time.Now(), prefix, ttl)
	query, err = c.signature(grant{prefix, expires.Unix()})
	return query, expires, err
}

// SignUntil returns the query string that opens every file whose key starts with prefix until then, to the second. It refuses
// what SignPrefix refuses.
func (c *CDN) SignUntil(prefix string, until time.Time) (query string, err error) {
	if prefix == "" || strings.ContainsAny(prefix, `*?"\`) || !until.After(time.Now()) {
		return "", fmt.Errorf("blob: %q cannot be signed until %s", prefix, until)
	}
	return c.signature(grant{prefix, until.Unix()})
}

// windowEnd cuts time into windows of ttl/2 and returns the end of the next one. Each prefix has its own cut,
// so that not all signatures have to be made anew at the same moment.
func windowEnd(now time.Time, prefix string, ttl time.Duration) time.Time {
	window := int64(ttl/time.Second) / 2
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(prefix))
	shift := int64(hash.Sum32()) % window
	begun := (now.Unix()-shift)/window*window + shift
	return time.Unix(begun+2*window, 0).UTC()
}

func (c *CDN) signature(g grant) (query string, err error) {
	return c.signatures.Load(g, func() (string, error) { return c.sign(g) })
}

func (c *CDN) sign(g grant) (query string, err error) {
	c.made.Add(1)
	policy := sign.Policy{Statements: []sign.Statement{{
		Resource:  c.url + "/" + g.prefix + "*",
		Condition: sign.Condition{DateLessThan: sign.NewAWSEpochTime(time.Unix(g.expires, 0))},
	}}}
	signature, document, err := policy.Sign(c.key)
	if err != nil {
		return "", fmt.Errorf("blob: sign: %w", err)
	}
	return "Policy=" + string(document) + "&Signature=" + string(signature) + "&Key-Pair-Id=" + c.keyPairID, nil
}
