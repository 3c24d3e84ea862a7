package blob

import (
	"context"
	"fmt"
	"net/url"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/google/uuid"
)

const (
	// invalidationRegion is where CloudFront itself lives, wherever the bucket is.
	invalidationRegion = "us-east-1"
	// invalidationBatch is how many paths may be under way at a time: CloudFront's limit for paths without a wildcard.
	invalidationBatch = 3000
)

// Invalidator has the CDN forget files that are gone from the bucket. Safe for concurrent use.
type Invalidator struct {
	client       *cloudfront.Client
	distribution string
}

// NewInvalidator makes an Invalidator with the bucket's credentials; nothing is sent yet.
func NewInvalidator(cfg CDNConfig, bucket Config) (*Invalidator, error) {
	loaders := []func(*awsconfig.LoadOptions) error{
		awsconfig.WithRegion(invalidationRegion),
		awsconfig.WithHTTPClient(httpClient()),
	}
	if bucket.AccessKeyID != "" {
		loaders = append(loaders, awsconfig.WithCredentialsProvider(
			credentials.NewStaticCredentialsProvider(bucket.AccessKeyID, bucket.SecretAccessKey.Reveal(), "")))
	}
	awsCfg, err := awsconfig.LoadDefaultConfig(context.Background(), loaders...)
	if err != nil {
		return nil, fmt.Errorf("blob: configuration: %w", err)
	}
	client := cloudfront.NewFromConfig(awsCfg, func(o *cloudfront.Options) {
		if cfg.Endpoint != "" {
			o.BaseEndpoint = aws.String(cfg.Endpoint)
		}
	})
	return &Invalidator{client: client, distribution: cfg.DistributionID}, nil
}

// Invalidate has the files with these keys forgotten, which takes CloudFront some seconds. Delete them in the bucket first, or
// they come back. Keys that the CDN does not hold are no error; too many at a time are one, and pass later.
func (i *Invalidator) Invalidate(ctx context.Context, keys ...string) error {
	for batch := range slices.Chunk(keys, invalidationBatch) {
		if err := i.invalidate(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

func (i *Invalidator) invalidate(ctx context.Context, keys []string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	paths := make([]string, len(keys))
	for n, key := range keys {
		paths[n] = (&url.URL{Path: "/" + key}).EscapedPath()
	}
	_, err := i.client.CreateInvalidation(ctx, &cloudfront.CreateInvalidationInput{
		DistributionId: &i.distribution,
		InvalidationBatch: &types.InvalidationBatch{
			CallerReference: aws.String(uuid.NewString()),
			Paths:           &types.Paths{Quantity: aws.Int32(int32(len(paths))), Items: paths},
		},
	})
	if err != nil {
		return fmt.Errorf("blob: invalidate %s and %d more: %w", keys[0], len(keys)-1, err)
	}
	return nil
}
