package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
)

// startS3 starts the S3 server behind a proxy that passes every request on as
// it is, Host included, because signatures cover it. The proxy puts the events
// of new objects into the queues. The server's own event hooks would do that
// over another HTTP hop and leak its connections.
func (s *stack) startS3(ctx context.Context, queues *queues) (*s3.Client, error) {
	gateway, objects, err := s.startGateway()
	if err != nil {
		return nil, err
	}
	if s.urls.S3, err = s.serve("s3", always(newS3Proxy(gateway, objects, queues))); err != nil {
		return nil, err
	}
	client := s3.New(s3.Options{
		BaseEndpoint: aws.String(s.urls.S3),
		Region:       region,
		UsePathStyle: true,
		Credentials:  credentials.NewStaticCredentialsProvider(s.secrets.S3AccessKey, s.secrets.S3SecretKey, ""),
	})
	if err := createBucket(ctx, client); err != nil {
		return nil, fmt.Errorf("the bucket could not be made: %w", err)
	}
	return client, nil
}

// startGateway runs the S3 server in this process and answers its address and
// the folder of its objects. There can be one per process.
func (s *stack) startGateway() (addr, objects string, err error) {
	objects = filepath.Join(s.opts.data, "s3", "objects")
	sidecar := filepath.Join(s.opts.data, "s3", "meta")
	for _, folder := range []string{objects, sidecar} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return "", "", fmt.Errorf("the S3 server's folder cannot be made: %w", err)
		}
	}
	attributes, err := meta.NewSideCar(sidecar)
	if err != nil {
		return "", "", fmt.Errorf("the S3 server could not be started: %w", err)
	}
	backend, err := posix.New(objects, attributes, posix.PosixOpts{CopyObjectThreshold: 5 << 30})
	if err != nil {
		return "", "", fmt.Errorf("the S3 server could not be started: %w", err)
	}
	port, err := freePort()
	if err != nil {
		return "", "", err
	}
	addr = fmt.Sprintf("127.0.0.1:%d", port)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- embedgw.RunVersityGW(ctx, backend, &embedgw.Config{
			RootUserAccess: s.secrets.S3AccessKey, RootUserSecret: s.secrets.S3SecretKey,
			Region: region, Ports: []string{addr}, Quiet: true, KeepAlive: true,
			MaxConnections: 10_000, MaxRequests: 1_000, MultipartMaxParts: 10_000,
			IAMService: auth.NewIAMServiceSingle(auth.Account{
				Access: s.secrets.S3AccessKey, Secret: s.secrets.S3SecretKey, Role: auth.RoleAdmin,
			}),
		})
	}()
	if err := waitListening(addr, ended); err != nil {
		cancel()
		return "", "", fmt.Errorf("the S3 server could not be started: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parts = append(s.parts, part{"s3 server", func() {
		cancel()
		select {
		case <-ended: //nolint:errcheck // it is to end, however it does
		case <-time.After(5 * time.Second): // it dies with this process
		}
	}})
	return addr, objects, nil
}

func waitListening(addr string, ended <-chan error) error {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			return conn.Close()
		}
		select {
		case err := <-ended:
			return fmt.Errorf("it ended at its start: %w", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	return errors.New("it does not answer after 20 seconds")
}

func createBucket(ctx context.Context, client *s3.Client) error {
	_, err := client.CreateBucket(ctx, &s3.CreateBucketInput{
		Bucket:                    aws.String(bucketName),
		CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: region},
	})
	var mine *types.BucketAlreadyOwnedByYou
	if errors.As(err, &mine) {
		return nil
	}
	return err
}

// newS3Proxy passes requests on to the gateway unchanged.
func newS3Proxy(gateway, objects string, queues *queues) http.Handler {
	return &httputil.ReverseProxy{
		Transport: &http.Transport{MaxIdleConnsPerHost: 100, DisableCompression: true},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", gateway
			r.Out.URL.RawQuery = r.In.URL.RawQuery // signed: not to be cleaned
			r.Out.Host = r.In.Host
			r.Out.Header.Del("Expect") // this hop has answered it
		},
		ModifyResponse: func(response *http.Response) error {
			if response.StatusCode == http.StatusOK {
				announce(response.Request, objects, queues)
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			w.WriteHeader(http.StatusServiceUnavailable)
		},
	}
}

// announce queues the event of a request that made an object below quarantine/,
// before its client reads the answer.
func announce(r *http.Request, objects string, queues *queues) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	event := createdEvent(r)
	if event == "" || !strings.HasPrefix(key, "quarantine/") {
		return
	}
	info, err := os.Stat(filepath.Join(objects, bucket, filepath.FromSlash(key)))
	if err != nil {
		return // deleted again meanwhile
	}
	if q := queues.get(bucket); q != nil {
		q.send(objectCreated(event, bucket, key, info.Size()), 0)
	}
}

// createdEvent names the event of a request that makes an object, or "".
func createdEvent(r *http.Request) string {
	query := r.URL.Query()
	switch {
	case r.Method == http.MethodPost && query.Has("uploadId"):
		return "ObjectCreated:CompleteMultipartUpload"
	case r.Method != http.MethodPut:
		return ""
	}
	for _, part := range []string{"acl", "tagging", "retention", "legal-hold", "uploadId", "partNumber"} {
		if query.Has(part) {
			return ""
		}
	}
	if r.Header.Get("X-Amz-Copy-Source") != "" {
		return "ObjectCreated:Copy"
	}
	return "ObjectCreated:Put"
}
