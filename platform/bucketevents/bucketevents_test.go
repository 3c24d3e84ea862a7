package bucketevents

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/platform/blob"
	"atrium/platform/stacktest"
)

// setup returns a queue of the stack that no other test has.
func setup(t *testing.T) *Queue {
	t.Helper()
	t.Parallel()
	q, err := New(Config{Endpoint: stacktest.Env(t, "ATRIUM_SQS_ENDPOINT")}, blob.Config{
		Region: "eu-central-1", Bucket: "atrium", AccessKeyID: "a", SecretAccessKey: "b",
	})
	require.NoError(t, err)
	require.False(t, q.Open())
	made, err := q.client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("test-" + uuid.NewString())})
	require.NoError(t, err)
	q.url = *made.QueueUrl
	require.True(t, q.Open())
	return q
}

func (q *Queue) tell(t *testing.T, body string) {
	t.Helper()
	_, err := q.client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &q.url, MessageBody: &body})
	require.NoError(t, err)
}

func created(bucket, event, key string) string {
	return fmt.Sprintf(`{"Records":[{"eventName":%q,"s3":{"bucket":{"name":%q},"object":{"key":%q}}}]}`, event, bucket, key)
}

func TestPoll(t *testing.T) {
	q := setup(t)
	q.tell(t, created("atrium", "ObjectCreated:Put", "quarantine/a+b/%C3%A9"))
	q.tell(t, created("atrium", "ObjectRemoved:Delete", "gone"))
	q.tell(t, created("another", "ObjectCreated:Put", "foreign"))
	q.tell(t, `{"Event":"s3:TestEvent"}`)
	q.tell(t, `not JSON`)
	q.tell(t, created("atrium", "ObjectCreated:Put", "troubled"))
	trouble := errors.New("trouble")
	var keys []string
	var err error
	for range 6 { // the messages may come in several batches
		if err == nil && len(keys) < 2 {
			err = q.Poll(t.Context(), func(_ context.Context, key string) error {
				keys = append(keys, key)
				if key == "troubled" {
					return trouble
				}
				return nil
			})
		}
	}
	require.ErrorIs(t, err, trouble)
	require.ElementsMatch(t, []string{"quarantine/a b/é", "troubled"}, keys)

	left, err := q.client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &q.url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}})
	require.NoError(t, err)
	require.Equal(t, "1", left.Attributes["ApproximateNumberOfMessagesNotVisible"], "what failed stays in the queue")
}
