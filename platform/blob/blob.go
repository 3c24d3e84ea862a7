// Package blob keeps files in S3 and makes the URLs of the CDN in front of it.
package blob

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsretry "github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"atrium/platform/fault"
	"atrium/platform/secret"
)

const (
	callTimeout     = 10 * time.Second // of a call that moves no file
	transferTimeout = 2 * time.Minute  // of one that does
	maxExpires      = 10 * time.Minute // of a presigned PUT
	deleteBatch     = 1000             // S3's own limit
	partSize        = 8 << 20          // of a stream, in bytes: 10,000 of them are 80 GB
	partsAtATime    = 2
)

// Config says where the bucket is. Endpoint is empty on AWS; without keys the default chain (task role) is used.
type Config struct {
	Endpoint        string      `koanf:"endpoint" validate:"omitempty,url"`
	Region          string      `koanf:"region" validate:"required"`
	Bucket          string      `koanf:"bucket" validate:"required"`
	AccessKeyID     string      `koanf:"access_key_id"`
	SecretAccessKey secret.Text `koanf:"secret_access_key"`
	PathStyle       bool        `koanf:"path_style"`
}

// ErrNotFound is returned for an absent key.
var ErrNotFound = fault.NotFound("blob.not_found", "There is no such file.")

// Store is the bucket. Safe for concurrent use. Every call is bounded in time and tried at most three times.
type Store struct {
	bucket   string
	client   *s3.Client
	presign  *s3.PresignClient
	transfer *transfermanager.Client
}

// New makes a Store; nothing is sent yet.
func New(ctx context.Context, cfg Config) (*Store, error) {
	loaders := []func(*awsconfig.LoadOptions) error{
		awsconfig.WithRegion(cfg.Region),
		awsconfig.WithHTTPClient(httpClient()),
		awsconfig.WithRetryer(func() aws.Retryer {
			return awsretry.NewStandard(func(o *awsretry.StandardOptions) {
				o.MaxAttempts = 3
				o.MaxBackoff = 2 * time.Second
			})
		}),
	}
	if cfg.AccessKeyID != "" {
		loaders = append(loaders, awsconfig.WithCredentialsProvider(
			credentials.NewStaticCredentialsProvider(cfg.AccessKeyID, cfg.SecretAccessKey.Reveal(), "")))
	}
	awsCfg, err := awsconfig.LoadDefaultConfig(ctx, loaders...)
	if err != nil {
		return nil, fmt.Errorf("blob: configuration: %w", err)
	}
	client := s3.NewFromConfig(awsCfg, func(o *s3.Options) {
		o.UsePathStyle = cfg.PathStyle
		o.DisableLogOutputChecksumValidationSkipped = true // a range has no checksum
		if cfg.Endpoint != "" {
			o.BaseEndpoint = aws.String(cfg.Endpoint)
		}
	})
	presign := s3.NewPresignClient(client, s3.WithPresignClientFromClientOptions(func(o *s3.Options) {
		// The declared SHA-256 is the checksum; a second one would have to be sent as well.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	}))
	transfer := transfermanager.New(client, func(o *transfermanager.Options) {
		o.PartSizeBytes, o.Concurrency = partSize, partsAtATime
		o.FailTimeout = callTimeout // the parts of what failed are thrown away even if ctx has ended
	})
	return &Store{bucket: cfg.Bucket, client: client, presign: presign, transfer: transfer}, nil
}

// httpClient bounds each step on the way to an answer, but not the reading of a body: that is the caller's time.
func httpClient() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = 2 * time.Second }).
		WithTransportOptions(func(t *http.Transport) {
			t.TLSHandshakeTimeout = 3 * time.Second
			t.ResponseHeaderTimeout = callTimeout
			t.MaxIdleConnsPerHost = 64
		})
}

// Upload declares exactly what may be put: size in bytes, type, and the SHA-256 of the content.
type Upload struct {
	Key         string
	ContentType string
	Bytes       int64
	SHA256      [32]byte
	Expires     time.Duration // at most 10 minutes
}

// Signed is a request that a client may send as it is.
type Signed struct {
	Method    string
	URL       string
	Header    http.Header
	ExpiresAt time.Time
}

// PresignPut signs a single-use PUT (If-None-Match: *) of exactly the declared length, type and checksum.
// It refuses an Upload without a size or type, or one that would live longer than 10 minutes.
func (s *Store) PresignPut(ctx context.Context, u Upload) (Signed, error) {
	if u.Bytes <= 0 || u.ContentType == "" || u.Expires <= 0 || u.Expires > maxExpires {
		return Signed{}, fmt.Errorf("blob: presign %s: %d bytes of %q for %s cannot be signed", u.Key, u.Bytes, u.ContentType, u.Expires)
	}
	expiresAt := time.Now().Add(u.Expires)
	request, err := s.presign.PresignPutObject(ctx, &s3.PutObjectInput{
		Bucket:         &s.bucket,
		Key:            &u.Key,
		ContentType:    &u.ContentType,
		ContentLength:  &u.Bytes,
		ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(u.SHA256[:])),
		IfNoneMatch:    aws.String("*"),
	}, s3.WithPresignExpires(u.Expires))
	if err != nil {
		return Signed{}, fmt.Errorf("blob: presign %s: %w", u.Key, err)
	}
	header := http.Header{}
	for name, values := range request.SignedHeader {
		if http.CanonicalHeaderKey(name) != "Host" {
			header[http.CanonicalHeaderKey(name)] = values
		}
	}
	return Signed{Method: request.Method, URL: request.URL, Header: header, ExpiresAt: expiresAt}, nil
}

// Info describes an object. SHA256 is nil where S3 holds no full-object checksum.
type Info struct {
	Bytes       int64
	ContentType string
	SHA256      []byte
}

// Head describes the object, or returns ErrNotFound.
func (s *Store) Head(ctx context.Context, key string) (Info, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{
		Bucket: &s.bucket, Key: &key, ChecksumMode: types.ChecksumModeEnabled,
	})
	if err != nil {
		return Info{}, wrap(err, "head", key)
	}
	info := Info{Bytes: aws.ToInt64(out.ContentLength), ContentType: aws.ToString(out.ContentType)}
	if out.ChecksumSHA256 != nil && out.ChecksumType != types.ChecksumTypeComposite {
		if info.SHA256, err = base64.StdEncoding.DecodeString(*out.ChecksumSHA256); err != nil {
			return Info{}, wrap(err, "head", key)
		}
	}
	return info, nil
}

// ReadRange returns at most length bytes from offset, or ErrNotFound. Beyond the end there are none.
func (s *Store) ReadRange(ctx context.Context, key string, offset, length int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{
		Bucket: &s.bucket, Key: &key,
		Range: aws.String("bytes=" + strconv.FormatInt(offset, 10) + "-" + strconv.FormatInt(offset+length-1, 10)),
	})
	if hasCode(err, "InvalidRange") {
		return nil, nil
	}
	if err != nil {
		return nil, wrap(err, "read", key)
	}
	defer out.Body.Close()
	content, err := io.ReadAll(io.LimitReader(out.Body, length))
	if err != nil {
		return nil, wrap(err, "read", key)
	}
	return content, nil
}

// Open streams the object, or returns ErrNotFound. The caller closes it; reading ends with ctx.
func (s *Store) Open(ctx context.Context, key string) (io.ReadCloser, error) {
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: &key})
	if err != nil {
		return nil, wrap(err, "open", key)
	}
	return out.Body, nil
}

// Put writes an object, replacing what was there. cacheControl may be empty.
func (s *Store) Put(ctx context.Context, key, contentType, cacheControl string, body io.ReadSeeker) error {
	ctx, cancel := context.WithTimeout(ctx, transferTimeout)
	defer cancel()
	input := &s3.PutObjectInput{Bucket: &s.bucket, Key: &key, ContentType: &contentType, Body: body}
	if cacheControl != "" {
		input.CacheControl = &cacheControl
	}
	_, err := s.client.PutObject(ctx, input)
	return wrap(err, "put", key)
}

// Stream writes an object of unknown length, replacing what was there, in parts of which a few are in memory at a time.
// The object is there when Stream returns nil, else not at all. How long it may take is the caller's business: ctx.
func (s *Store) Stream(ctx context.Context, key, contentType, cacheControl string, body io.Reader) error {
	_, err := s.transfer.UploadObject(ctx, &transfermanager.UploadObjectInput{
		Bucket: &s.bucket, Key: &key, ContentType: &contentType, CacheControl: &cacheControl, Body: body,
	})
	return wrap(err, "stream", key)
}

// Copy copies within the bucket, keeping type and metadata, or returns ErrNotFound.
func (s *Store) Copy(ctx context.Context, from, to string) error {
	ctx, cancel := context.WithTimeout(ctx, transferTimeout)
	defer cancel()
	source := strings.ReplaceAll(url.QueryEscape(s.bucket+"/"+from), "+", "%20")
	_, err := s.client.CopyObject(ctx, &s3.CopyObjectInput{Bucket: &s.bucket, Key: &to, CopySource: &source})
	return wrap(err, "copy", from)
}

// Delete removes keys; absent ones are no error.
func (s *Store) Delete(ctx context.Context, keys ...string) error {
	for batch := range slices.Chunk(keys, deleteBatch) {
		if err := s.deleteBatch(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) deleteBatch(ctx context.Context, keys []string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	objects := make([]types.ObjectIdentifier, len(keys))
	for i := range keys {
		objects[i].Key = &keys[i]
	}
	out, err := s.client.DeleteObjects(ctx, &s3.DeleteObjectsInput{
		Bucket: &s.bucket, Delete: &types.Delete{Objects: objects, Quiet: aws.Bool(true)},
	})
	if err != nil {
		return wrap(err, "delete", keys[0])
	}
	if len(out.Errors) > 0 {
		first := out.Errors[0]
		return fmt.Errorf("blob: delete %s and %d more: %s", aws.ToString(first.Key), len(out.Errors)-1, aws.ToString(first.Message))
	}
	return nil
}

// List returns up to limit keys below prefix, in order, after the key given.
func (s *Store) List(ctx context.Context, prefix, after string, limit int) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, transferTimeout)
	defer cancel()
	var keys []string
	input := &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &prefix, MaxKeys: aws.Int32(int32(min(limit, 1000)))}
	if after != "" {
		input.StartAfter = &after
	}
	for pages := s3.NewListObjectsV2Paginator(s.client, input); pages.HasMorePages() && len(keys) < limit; {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return nil, wrap(err, "list", prefix)
		}
		for _, object := range out.Contents {
			keys = append(keys, aws.ToString(object.Key))
		}
	}
	return keys[:min(len(keys), limit)], nil
}

// Ping reports whether the bucket answers.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if _, err := s.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &s.bucket}); err != nil {
		return fmt.Errorf("blob: ping: %w", err)
	}
	return nil
}

func wrap(err error, verb, key string) error {
	if err == nil {
		return nil
	}
	if hasCode(err, "NoSuchKey") || hasCode(err, "NotFound") {
		return ErrNotFound.Because(err)
	}
	return fmt.Errorf("blob: %s %s: %w", verb, key, err)
}

func hasCode(err error, code string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == code
}
