package main

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/cloudfront/sign"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"
)

func s3Client(s *stack) *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: aws.String(s.urls.S3), Region: region, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(s.secrets.S3AccessKey, s.secrets.S3SecretKey, ""),
	})
}

func sqsClient(s *stack) *sqs.Client {
	return sqs.New(sqs.Options{
		BaseEndpoint: aws.String(s.urls.SQS), Region: region,
		Credentials: credentials.NewStaticCredentialsProvider("any", "any", ""),
	})
}

// newBucket makes a bucket, and with it a queue, of the test's own.
func newBucket(t *testing.T, s *stack) (name, queueURL string) {
	t.Helper()
	name = "test-" + randomHex(6)
	_, err := s3Client(s).CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket:                    aws.String(name),
		CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: region},
	})
	require.NoError(t, err)
	found, err := sqsClient(s).GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String(name)})
	require.NoError(t, err)
	require.Equal(t, s.urls.SQS+"/000000000000/"+name, *found.QueueUrl)
	return name, *found.QueueUrl
}

func TestPresignedPutTakesExactlyWhatWasSigned(t *testing.T) {
	s := standIns(t)
	bucket, _ := newBucket(t, s)
	photo := []byte("a photo, more or less")
	sum := sha256.Sum256(photo)
	checksum := base64.StdEncoding.EncodeToString(sum[:])
	signed, err := s3.NewPresignClient(s3Client(s)).PresignPutObject(t.Context(), &s3.PutObjectInput{
		Bucket: aws.String(bucket), Key: aws.String("quarantine/one"), ContentType: aws.String("image/jpeg"),
		ContentLength: aws.Int64(int64(len(photo))), ChecksumSHA256: aws.String(checksum), IfNoneMatch: aws.String("*"),
	})
	require.NoError(t, err)
	put := func(contentType string, body []byte) int {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, signed.URL, bytes.NewReader(body))
		require.NoError(t, err)
		for name, values := range signed.SignedHeader {
			request.Header[name] = values
		}
		request.Header.Set("Content-Type", contentType)
		return send(t, request, nil).StatusCode
	}
	other := bytes.ToUpper(photo)
	require.Equal(t, http.StatusForbidden, put("image/jpeg", photo[:5]), "another size")
	require.Equal(t, http.StatusForbidden, put("image/png", photo), "another type")
	require.Equal(t, http.StatusBadRequest, put("image/jpeg", other), "other bytes")
	require.Equal(t, http.StatusOK, put("image/jpeg", photo))
	require.Equal(t, http.StatusPreconditionFailed, put("image/jpeg", photo), "a second use")
}

func TestS3RefusesAnotherSecret(t *testing.T) {
	s := standIns(t)
	client := s3.New(s3.Options{
		BaseEndpoint: aws.String(s.urls.S3), Region: region, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(s.secrets.S3AccessKey, "wrong", ""),
	})
	_, err := client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String(bucketName)})
	require.ErrorContains(t, err, "SignatureDoesNotMatch")
}

type s3Event struct {
	Records []struct {
		EventName string
		S3        struct {
			Bucket struct{ Name string }
			Object struct {
				Key  string
				Size int64
			}
		}
	}
}

func TestNewObjectsAreAnnouncedInTheBucketsQueue(t *testing.T) {
	s := standIns(t)
	bucket, queueURL := newBucket(t, s)
	client, ctx := s3Client(s), t.Context()
	key := aws.String("quarantine/a b/ü+1.jpg")
	_, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: key, Body: strings.NewReader("12345")})
	require.NoError(t, err)
	_, err = client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: aws.String("public/x"), Body: strings.NewReader("1")})
	require.NoError(t, err)
	_, err = client.PutObjectTagging(ctx, &s3.PutObjectTaggingInput{Bucket: &bucket, Key: key,
		Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}}})
	require.NoError(t, err)
	_, err = client.CopyObject(ctx, &s3.CopyObjectInput{Bucket: &bucket, Key: aws.String("quarantine/copy"), CopySource: aws.String(bucket + "/public/x")})
	require.NoError(t, err)
	uploadInParts(t, client, bucket, "quarantine/parts")

	names, sizes := map[string]string{}, map[string]int64{}
	for range 3 {
		taken := receive(t, s, queueURL, 0)
		var event s3Event
		require.NoError(t, json.Unmarshal([]byte(*taken.Body), &event))
		record := event.Records[0]
		require.Equal(t, bucket, record.S3.Bucket.Name)
		plain, err := url.QueryUnescape(record.S3.Object.Key)
		require.NoError(t, err)
		names[plain], sizes[plain] = record.EventName, record.S3.Object.Size
	}
	require.Equal(t, map[string]string{
		*key: "ObjectCreated:Put", "quarantine/copy": "ObjectCreated:Copy", "quarantine/parts": "ObjectCreated:CompleteMultipartUpload",
	}, names)
	require.Equal(t, map[string]int64{*key: 5, "quarantine/copy": 1, "quarantine/parts": 3}, sizes)
	visible, hidden := queueCounts(t, s, queueURL)
	require.Equal(t, "0", visible, "public/ and tags are not announced")
	require.Equal(t, "3", hidden)
}

func uploadInParts(t *testing.T, client *s3.Client, bucket, key string) {
	t.Helper()
	upload, err := client.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: &key})
	require.NoError(t, err)
	part, err := client.UploadPart(t.Context(), &s3.UploadPartInput{
		Bucket: &bucket, Key: &key, UploadId: upload.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader("abc"),
	})
	require.NoError(t, err)
	_, err = client.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{
		Bucket: &bucket, Key: &key, UploadId: upload.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{
			ETag: part.ETag, PartNumber: aws.Int32(1), ChecksumCRC32: part.ChecksumCRC32, ChecksumCRC64NVME: part.ChecksumCRC64NVME,
		}}},
	})
	require.NoError(t, err)
}

// receive takes one message; with visibility 0 it stays hidden for the default time.
func receive(t *testing.T, s *stack, queueURL string, visibility int32) sqstypes.Message {
	t.Helper()
	input := &sqs.ReceiveMessageInput{
		QueueUrl: &queueURL, WaitTimeSeconds: 20,
		MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{"ApproximateReceiveCount"},
	}
	if visibility > 0 {
		input.VisibilityTimeout = visibility
	}
	answer, err := sqsClient(s).ReceiveMessage(t.Context(), input)
	require.NoError(t, err)
	require.Len(t, answer.Messages, 1)
	return answer.Messages[0]
}

func queueCounts(t *testing.T, s *stack, queueURL string) (visible, hidden string) {
	t.Helper()
	answer, err := sqsClient(s).GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &queueURL})
	require.NoError(t, err)
	return answer.Attributes["ApproximateNumberOfMessages"], answer.Attributes["ApproximateNumberOfMessagesNotVisible"]
}

func TestQueue(t *testing.T) {
	s := standIns(t)
	client := sqsClient(s)
	made, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("q-" + randomHex(4))})
	require.NoError(t, err)
	queueURL := *made.QueueUrl

	// A long poll ends when something arrives.
	arrived := make(chan string, 1)
	go func() {
		answer, err := client.ReceiveMessage(context.WithoutCancel(t.Context()), &sqs.ReceiveMessageInput{QueueUrl: &queueURL, WaitTimeSeconds: 20})
		if err != nil || len(answer.Messages) != 1 {
			arrived <- "nothing"
			return
		}
		arrived <- *answer.Messages[0].ReceiptHandle
	}()
	_, err = client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &queueURL, MessageBody: aws.String("hello")})
	require.NoError(t, err)
	receipt := <-arrived

	// Made visible at once, it comes again and counts.
	_, err = client.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{QueueUrl: &queueURL, ReceiptHandle: &receipt, VisibilityTimeout: 0})
	require.NoError(t, err)
	again := receive(t, s, queueURL, 1)
	require.Equal(t, "hello", *again.Body)
	require.Equal(t, "2", again.Attributes["ApproximateReceiveCount"])
	// Not deleted in time, it comes by itself.
	third := receive(t, s, queueURL, 0)
	require.Equal(t, "3", third.Attributes["ApproximateReceiveCount"])

	batch, err := client.DeleteMessageBatch(t.Context(), &sqs.DeleteMessageBatchInput{QueueUrl: &queueURL,
		Entries: []sqstypes.DeleteMessageBatchRequestEntry{{Id: aws.String("1"), ReceiptHandle: third.ReceiptHandle}}})
	require.NoError(t, err)
	require.Len(t, batch.Successful, 1)
	_, err = client.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &queueURL, ReceiptHandle: third.ReceiptHandle})
	require.NoError(t, err, "deleting is idempotent")
	visible, hidden := queueCounts(t, s, queueURL)
	require.Equal(t, []string{"0", "0"}, []string{visible, hidden})
	_, err = client.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{QueueUrl: &queueURL, ReceiptHandle: &receipt})
	require.ErrorContains(t, err, "MessageNotInflight")
}

func TestQueueDropsTheOldest(t *testing.T) {
	t.Parallel()
	q := newQueues().get("bounded")
	first := q.send("0", 0)
	for range queueLimit {
		q.send("x", 0)
	}
	visible, _ := q.counts()
	require.Equal(t, queueLimit, visible)
	taken, _, _ := q.receive(1, time.Minute)
	require.NotEqual(t, first, taken[0].id)
}

// signers answers CloudFront's own signers with the stack's key.
func signers(t *testing.T, s *stack) (*sign.URLSigner, *rsa.PrivateKey) {
	t.Helper()
	key, err := parseKey[*rsa.PrivateKey](s.secrets.CDNKey)
	require.NoError(t, err)
	return sign.NewURLSigner(cdnKeyPairID, key), key
}

func TestCDN(t *testing.T) { //nolint:tparallel // its signatures count from now on, and must not wait for other tests
	s := standIns(t)
	bucket, _ := newBucket(t, s)
	for _, key := range []string{"public/a.webp", "photos/1/640.webp", "photos/2/640.webp", "quarantine/q", "originals/o"} {
		_, err := s3Client(s).PutObject(t.Context(), &s3.PutObjectInput{
			Bucket: &bucket, Key: aws.String(key), Body: strings.NewReader("content of " + key), ContentType: aws.String("image/webp"),
		})
		require.NoError(t, err)
	}
	base := s.urls.CDN + "/b/" + bucket
	signer, key := signers(t, s)
	soon := time.Now().Add(time.Minute)
	canned := func(target string, until time.Time) string {
		signed, err := signer.Sign(target, until)
		require.NoError(t, err)
		return signed
	}
	custom := func(resource string, until, from time.Time) string {
		p := &sign.Policy{Statements: []sign.Statement{{Resource: resource, Condition: sign.Condition{DateLessThan: sign.NewAWSEpochTime(until)}}}}
		if !from.IsZero() {
			p.Statements[0].Condition.DateGreaterThan = sign.NewAWSEpochTime(from)
		}
		signature, encoded, err := p.Sign(key)
		require.NoError(t, err)
		return "Policy=" + string(encoded) + "&Signature=" + string(signature) + "&Key-Pair-Id=" + cdnKeyPairID
	}
	one := custom(base+"/photos/1/*", soon, time.Time{})
	for name, c := range map[string]struct {
		url  string
		want int
	}{
		"public":                       {base + "/public/a.webp", 200},
		"public, missing":              {base + "/public/b.webp", 404},
		"quarantine, signed":           {canned(base+"/quarantine/q", soon), 403},
		"originals, signed":            {canned(base+"/originals/o", soon), 403},
		"private, by a detour":         {base + "/public/../originals/o", 403},
		"private, by an escaped way":   {base + "/public/%2e%2e/originals/o", 403},
		"private, bare":                {base + "/photos/1/640.webp", 403},
		"canned":                       {canned(base+"/photos/1/640.webp", soon), 200},
		"canned, with a query":         {canned(base+"/photos/1/640.webp?v=1&w=a%20b", soon), 200},
		"canned, query changed":        {strings.Replace(canned(base+"/photos/1/640.webp?v=1", soon), "v=1", "v=2", 1), 403},
		"canned, expired":              {canned(base+"/photos/1/640.webp", time.Now().Add(-time.Minute)), 403},
		"canned, other key":            {strings.Replace(canned(base+"/photos/1/640.webp", soon), "/1/", "/2/", 1), 403},
		"canned, longer life":          {strings.Replace(canned(base+"/photos/1/640.webp", soon), "Expires=", "Expires=9", 1), 403},
		"canned, missing object":       {canned(base+"/photos/9/640.webp", soon), 403},
		"custom, wildcard":             {base + "/photos/1/640.webp?" + one, 200},
		"custom, another folder":       {base + "/photos/2/640.webp?" + one, 403},
		"custom, question mark":        {base + "/photos/1/640.webp?" + custom(base+"/photos/?/640.webp", soon, time.Time{}), 200},
		"custom, expired":              {base + "/photos/1/640.webp?" + custom(base+"/*", time.Now().Add(-time.Minute), time.Time{}), 403},
		"custom, too early":            {base + "/photos/1/640.webp?" + custom(base+"/*", soon, time.Now().Add(30*time.Second)), 403},
		"custom, broken signature":     {base + "/photos/1/640.webp?" + strings.Replace(one, "Signature=", "Signature=AA", 1), 403},
		"custom, another key pair":     {base + "/photos/1/640.webp?" + strings.Replace(one, "Key-Pair-Id=K", "Key-Pair-Id=X", 1), 403},
		"default bucket, other bucket": {s.urls.CDN + "/public/a.webp", 404},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url, nil)
			require.NoError(t, err)
			response, err := http.DefaultClient.Do(request)
			require.NoError(t, err)
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.Equal(t, c.want, response.StatusCode, "%s", body)
			if c.want == 200 {
				require.Contains(t, string(body), "content of ")
				require.Equal(t, "image/webp", response.Header.Get("Content-Type"))
			} else {
				require.Contains(t, string(body), "<Error>")
			}
			if name == "public" {
				require.Equal(t, "public, max-age=31536000, immutable", response.Header.Get("Cache-Control"))
			}
		})
	}
}

func TestFault_P7_WhatASignatureOpensIsTheViewersAlone(t *testing.T) {
	s := standIns(t)
	bucket, _ := newBucket(t, s)
	_, err := s3Client(s).PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: &bucket, Key: aws.String("private/1/640.webp"), Body: strings.NewReader("x"), CacheControl: aws.String("public, max-age=31536000, immutable"),
	})
	require.NoError(t, err)
	signer, _ := signers(t, s)
	for name, life := range map[string]time.Duration{"fetched": time.Minute, "kept by the edge": 10 * time.Second} {
		signed, err := signer.Sign(s.urls.CDN+"/b/"+bucket+"/private/1/640.webp", time.Now().Add(life))
		require.NoError(t, err)
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, signed, nil)
		require.NoError(t, err)
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		seconds, private := strings.CutPrefix(response.Header.Get("Cache-Control"), "private, max-age=")
		require.True(t, private, "%s: %s", name, response.Header.Get("Cache-Control"))
		left, err := strconv.Atoi(seconds)
		require.NoError(t, err)
		require.LessOrEqual(t, time.Duration(left)*time.Second, life, name)
	}
}

func TestWildcardMatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"*", "", true}, {"a*c", "abbc", true}, {"a*c", "abb", false}, {"a?c", "abc", true}, {"a?c", "ac", false},
		{"http*://h/*/x", "https://h/a/b/x", true}, {"a*b*c", "aXbYbZc", true}, {"", "a", false}, {"a", "a", true},
	} {
		require.Equal(t, c.want, wildcardMatch(c.pattern, c.text), "%s on %s", c.pattern, c.text)
	}
}
