// Package bucketevents hears from S3, through SQS, which files have come into the bucket.
package bucketevents

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"atrium/platform/blob"
)

// Config says where S3's ObjectCreated events arrive. Without a queue URL there are none; Endpoint is empty on AWS.
type Config struct {
	Endpoint string `koanf:"endpoint" validate:"omitempty,url"`
	QueueURL string `koanf:"queue_url" validate:"omitempty,url"`
}

const (
	// wait is how many seconds a poll waits for the first event: SQS's maximum.
	wait = 20
	// batch is how many messages come at once: SQS's maximum.
	batch = 10
)

// Queue is where the events arrive.
type Queue struct {
	client *sqs.Client
	url    string
	bucket string
}

// New makes a Queue with the bucket's region and credentials; nothing is sent yet.
func New(cfg Config, bucket blob.Config) (*Queue, error) {
	loaders := []func(*awsconfig.LoadOptions) error{awsconfig.WithRegion(bucket.Region)}
	if bucket.AccessKeyID != "" {
		loaders = append(loaders, awsconfig.WithCredentialsProvider(
			credentials.NewStaticCredentialsProvider(bucket.AccessKeyID, bucket.SecretAccessKey.Reveal(), "")))
	}
	awsCfg, err := awsconfig.LoadDefaultConfig(context.Background(), loaders...)
	if err != nil {
		return nil, fmt.Errorf("bucketevents: configuration: %w", err)
	}
	client := sqs.NewFromConfig(awsCfg, func(o *sqs.Options) {
		if cfg.Endpoint != "" {
			o.BaseEndpoint = aws.String(cfg.Endpoint)
		}
	})
	return &Queue{client: client, url: cfg.QueueURL, bucket: bucket.Bucket}, nil
}

// Open reports whether there is a queue to hear from.
func (q *Queue) Open() bool { return q.url != "" }

// Poll waits up to 20 seconds for events and calls fn with the key of each file. Events may come twice and in any order.
// What fn fails on comes again; its errors come back together, after the other events were handled.
func (q *Queue) Poll(ctx context.Context, fn func(ctx context.Context, key string) error) error {
	got, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &q.url, MaxNumberOfMessages: batch, WaitTimeSeconds: wait,
	})
	if err != nil {
		return fmt.Errorf("bucketevents: receive: %w", err)
	}
	var failures []error
	var done []types.DeleteMessageBatchRequestEntry
	for _, message := range got.Messages {
		if err := q.handle(ctx, aws.ToString(message.Body), fn); err != nil {
			failures = append(failures, err)
			continue
		}
		done = append(done, types.DeleteMessageBatchRequestEntry{Id: message.MessageId, ReceiptHandle: message.ReceiptHandle})
	}
	if len(done) > 0 {
		if _, err := q.client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &q.url, Entries: done}); err != nil {
			failures = append(failures, fmt.Errorf("bucketevents: delete: %w", err))
		}
	}
	return errors.Join(failures...)
}

// notification is the part of S3's message that matters. The test message that S3 sends at first has no records.
type notification struct {
	Records []struct {
		EventName string `json:"eventName"`
		S3        struct {
			Bucket struct {
				Name string `json:"name"`
			} `json:"bucket"`
			Object struct {
				Key string `json:"key"` // encoded like a form
			} `json:"object"`
		} `json:"s3"`
	}
}

// handle calls fn for the files of one message. A message that cannot be read is taken off: it never will be.
func (q *Queue) handle(ctx context.Context, body string, fn func(ctx context.Context, key string) error) error {
	var n notification
	if json.Unmarshal([]byte(body), &n) != nil {
		return nil //nolint:nilerr // see above: trying again would not help
	}
	var failures []error
	for _, record := range n.Records {
		key, err := url.QueryUnescape(record.S3.Object.Key)
		if err != nil || record.S3.Bucket.Name != q.bucket || !strings.HasPrefix(record.EventName, "ObjectCreated:") {
			continue
		}
		if err := fn(ctx, key); err != nil {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}
