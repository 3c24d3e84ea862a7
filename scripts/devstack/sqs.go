package main

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	queueLimit        = 10_000 // messages in a queue; the oldest fall out
	queuesLimit       = 10_000
	defaultVisibility = 30 * time.Second
)

var queueName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,80}$`)

// queues are all queues by name; there is one for each bucket, made on demand.
type queues struct {
	mu     sync.Mutex
	byName map[string]*queue
}

func newQueues() *queues { return &queues{byName: map[string]*queue{}} }

// get answers the queue of that name, or nil for a name that cannot be.
func (qs *queues) get(name string) *queue {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	q := qs.byName[name]
	if q == nil && queueName.MatchString(name) && len(qs.byName) < queuesLimit {
		q = &queue{name: name, changed: make(chan struct{})}
		qs.byName[name] = q
	}
	return q
}

// queue is a standard queue: at least once, in no promised order.
type queue struct {
	name     string
	mu       sync.Mutex
	messages []*queued
	changed  chan struct{} // closed and replaced when something may be received
}

type queued struct {
	id, body      string
	sent          time.Time
	visibleAt     time.Time
	firstReceived time.Time
	receives      int
}

// receipt names one delivery. It starts with the message's id, which is all that
// deleting needs: an older receipt of the same message deletes it too, as in SQS.
func (m *queued) receipt() string { return fmt.Sprintf("%s#%d", m.id, m.receives) }

// send adds a message and answers its id.
func (q *queue) send(body string, delay time.Duration) string {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	message := &queued{id: newUUID(), body: body, sent: now, visibleAt: now.Add(delay)}
	if len(q.messages) >= queueLimit {
		q.messages = append(q.messages[:0], q.messages[1:]...)
	}
	q.messages = append(q.messages, message)
	q.wake()
	return message.id
}

// receive takes up to limit visible messages and hides them; with none it tells
// when to look again and the channel that closes when something changes.
func (q *queue) receive(limit int, visibility time.Duration) (taken []queued, next time.Time, changed <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	for _, message := range q.messages {
		if message.visibleAt.After(now) {
			if next.IsZero() || message.visibleAt.Before(next) {
				next = message.visibleAt
			}
			continue
		}
		if len(taken) == limit {
			break
		}
		message.receives++
		message.visibleAt = now.Add(visibility)
		if message.firstReceived.IsZero() {
			message.firstReceived = now
		}
		taken = append(taken, *message)
	}
	return taken, next, q.changed
}

// remove is idempotent, as in SQS.
func (q *queue) remove(receipt string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	id, _, _ := strings.Cut(receipt, "#")
	for i, message := range q.messages {
		if message.id == id {
			q.messages = append(q.messages[:i], q.messages[i+1:]...)
			return
		}
	}
}

// hide changes when a message in flight is seen again; false when it is not in flight.
func (q *queue) hide(receipt string, d time.Duration) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	id, _, _ := strings.Cut(receipt, "#")
	now := time.Now()
	for _, message := range q.messages {
		if message.id == id && message.receives > 0 && message.visibleAt.After(now) {
			message.visibleAt = now.Add(d)
			q.wake()
			return true
		}
	}
	return false
}

func (q *queue) wake() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// counts answers how many messages can be received now and how many are hidden.
func (q *queue) counts() (visible, hidden int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	for _, message := range q.messages {
		if message.visibleAt.After(now) {
			hidden++
		} else {
			visible++
		}
	}
	return visible, hidden
}

// objectCreated is the message that S3 sends for a new object.
func objectCreated(event, bucket, key string, size int64) string {
	type record map[string]any
	body, _ := json.Marshal(record{"Records": []record{{
		"eventVersion": "2.1",
		"eventSource":  "aws:s3",
		"awsRegion":    region,
		"eventTime":    time.Now().UTC().Format("2006-01-02T15:04:05.000Z"),
		"eventName":    event,
		"s3": record{
			"s3SchemaVersion": "1.0",
			"bucket":          record{"name": bucket, "arn": "arn:aws:s3:::" + bucket},
			// S3 encodes keys like a form, but leaves the slashes.
			"object": record{
				"key":       strings.ReplaceAll(url.QueryEscape(key), "%2F", "/"),
				"size":      size,
				"sequencer": fmt.Sprintf("%016X", time.Now().UnixNano()),
			},
		},
	}}}) // plain values cannot fail
	return string(body)
}

// sqsServer speaks SQS's JSON protocol.
type sqsServer struct {
	queues *queues
	url    string // the server's own
}

// sqsRequest is the union of what the supported calls send.
type sqsRequest struct {
	QueueName                   string
	QueueURL                    string `json:"QueueUrl"`
	MessageBody                 string
	DelaySeconds                int
	MaxNumberOfMessages         *int
	WaitTimeSeconds             int
	VisibilityTimeout           *int
	ReceiptHandle               string
	AttributeNames              []string
	MessageSystemAttributeNames []string
	Entries                     []struct {
		ID            string `json:"Id"`
		ReceiptHandle string
	}
}

type sqsError struct {
	status     int
	code, text string
}

func (s *sqsServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var request sqsRequest
	action, known := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS.")
	if r.Method != http.MethodPost || !known {
		answerSQS(w, nil, &sqsError{http.StatusBadRequest, "InvalidAction", "X-Amz-Target names no action"})
		return
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 2<<20)).Decode(&request); err != nil {
		answerSQS(w, nil, &sqsError{http.StatusBadRequest, "SerializationException", "the body is not valid JSON"})
		return
	}
	answer, fault := s.act(r, action, request)
	answerSQS(w, answer, fault)
}

func (s *sqsServer) act(r *http.Request, action string, request sqsRequest) (any, *sqsError) {
	name := request.QueueName
	if name == "" {
		name = request.QueueURL[strings.LastIndex(request.QueueURL, "/")+1:]
	}
	q := s.queues.get(name)
	if q == nil {
		return nil, &sqsError{http.StatusBadRequest, "QueueDoesNotExist", "The specified queue does not exist."}
	}
	switch action {
	case "CreateQueue", "GetQueueUrl":
		return map[string]string{"QueueUrl": s.url + "/" + queueAccount + "/" + name}, nil
	case "GetQueueAttributes":
		return map[string]any{"Attributes": q.attributes()}, nil
	case "SendMessage":
		id := q.send(request.MessageBody, time.Duration(request.DelaySeconds)*time.Second)
		return map[string]string{"MessageId": id, "MD5OfMessageBody": md5Hex(request.MessageBody)}, nil
	case "ReceiveMessage":
		return q.serveReceive(r, request)
	case "DeleteMessage":
		q.remove(request.ReceiptHandle)
		return map[string]any{}, nil
	case "DeleteMessageBatch":
		return q.serveDeleteBatch(request)
	case "ChangeMessageVisibility":
		return q.serveVisibility(request)
	case "PurgeQueue":
		q.purge()
		return map[string]any{}, nil
	}
	return nil, &sqsError{http.StatusBadRequest, "UnsupportedOperation", action + " is not part of this stand-in."}
}

func (q *queue) serveReceive(r *http.Request, request sqsRequest) (any, *sqsError) {
	limit, visibility := 1, defaultVisibility
	if request.MaxNumberOfMessages != nil {
		limit = *request.MaxNumberOfMessages
	}
	if request.VisibilityTimeout != nil {
		visibility = time.Duration(*request.VisibilityTimeout) * time.Second
	}
	if limit < 1 || limit > 10 || request.WaitTimeSeconds < 0 || request.WaitTimeSeconds > 20 || visibility < 0 || visibility > 12*time.Hour {
		return nil, &sqsError{http.StatusBadRequest, "InvalidParameterValue", "MaxNumberOfMessages is 1 to 10, WaitTimeSeconds 0 to 20, VisibilityTimeout 0 to 43200."}
	}
	deadline := time.Now().Add(time.Duration(request.WaitTimeSeconds) * time.Second)
	for {
		// Nobody reads the answer of a request that is gone: it takes nothing.
		if r.Context().Err() != nil {
			return map[string]any{}, nil
		}
		taken, next, changed := q.receive(limit, visibility)
		if len(taken) > 0 {
			return map[string]any{"Messages": describe(taken, request)}, nil
		}
		if next.IsZero() || next.After(deadline) {
			next = deadline
		}
		if !time.Now().Before(deadline) {
			return map[string]any{}, nil
		}
		timer := time.NewTimer(time.Until(next))
		select {
		case <-changed:
		case <-timer.C:
		case <-r.Context().Done():
		}
		timer.Stop()
	}
}

// describe shows messages with the attributes that were asked for.
func describe(messages []queued, request sqsRequest) []map[string]any {
	wanted := map[string]bool{}
	for _, name := range append(request.AttributeNames, request.MessageSystemAttributeNames...) {
		wanted[name] = true
	}
	var shown []map[string]any
	for _, message := range messages {
		attributes := map[string]string{}
		for name, value := range map[string]string{
			"ApproximateReceiveCount":          strconv.Itoa(message.receives),
			"SentTimestamp":                    strconv.FormatInt(message.sent.UnixMilli(), 10),
			"ApproximateFirstReceiveTimestamp": strconv.FormatInt(message.firstReceived.UnixMilli(), 10),
			"SenderId":                         queueAccount,
		} {
			if wanted["All"] || wanted[name] {
				attributes[name] = value
			}
		}
		shown = append(shown, map[string]any{
			"MessageId": message.id, "ReceiptHandle": message.receipt(), "Body": message.body,
			"MD5OfBody": md5Hex(message.body), "Attributes": attributes,
		})
	}
	return shown
}

func (q *queue) serveDeleteBatch(request sqsRequest) (any, *sqsError) {
	if len(request.Entries) == 0 || len(request.Entries) > 10 {
		return nil, &sqsError{http.StatusBadRequest, "TooManyEntriesInBatchRequest", "A batch has 1 to 10 entries."}
	}
	done := []map[string]string{}
	for _, entry := range request.Entries {
		q.remove(entry.ReceiptHandle)
		done = append(done, map[string]string{"Id": entry.ID})
	}
	return map[string]any{"Successful": done, "Failed": []any{}}, nil
}

func (q *queue) serveVisibility(request sqsRequest) (any, *sqsError) {
	if request.VisibilityTimeout == nil || *request.VisibilityTimeout < 0 || *request.VisibilityTimeout > 43200 {
		return nil, &sqsError{http.StatusBadRequest, "InvalidParameterValue", "VisibilityTimeout is 0 to 43200."}
	}
	if !q.hide(request.ReceiptHandle, time.Duration(*request.VisibilityTimeout)*time.Second) {
		return nil, &sqsError{http.StatusBadRequest, "MessageNotInflight", "The message is not in flight."}
	}
	return map[string]any{}, nil
}

func (q *queue) purge() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.messages = nil
}

func (q *queue) attributes() map[string]string {
	visible, hidden := q.counts()
	return map[string]string{
		"ApproximateNumberOfMessages":           strconv.Itoa(visible),
		"ApproximateNumberOfMessagesNotVisible": strconv.Itoa(hidden),
		"VisibilityTimeout":                     strconv.Itoa(int(defaultVisibility.Seconds())),
		"QueueArn":                              "arn:aws:sqs:" + region + ":" + queueAccount + ":" + q.name,
	}
}

func answerSQS(w http.ResponseWriter, answer any, fault *sqsError) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.Header().Set("X-Amzn-Requestid", newUUID())
	if fault != nil {
		w.WriteHeader(fault.status)
		answer = map[string]string{"__type": "com.amazonaws.sqs#" + fault.code, "message": fault.text}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func md5Hex(text string) string {
	sum := md5.Sum([]byte(text)) // the protocol asks for it
	return hex.EncodeToString(sum[:])
}

func newUUID() string {
	b := randomBytes(16)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
