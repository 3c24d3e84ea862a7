package tasks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"atrium/platform/database"
	"atrium/platform/outbox"
)

// Config says how many handlers run at a time in this process, and how eagerly it looks for work.
type Config struct {
	Concurrency      int           `koanf:"concurrency" validate:"min=1,max=500"`
	MediaConcurrency int           `koanf:"media_concurrency" validate:"min=1,max=64"` // for pictures; a quarter of them may take large ones
	PollInterval     time.Duration `koanf:"poll_interval" validate:"min=10ms"`         // how often an idle worker asks Redis
	DrainTimeout     time.Duration `koanf:"drain_timeout" validate:"min=1s"`           // what is running at the end may take so long
}

// Runner runs deliveries on asynq. Redis may be away at any time: it keeps trying.
type Runner struct {
	registry  *Registry
	client    *asynq.Client
	inspector *asynq.Inspector
	servers   []*asynq.Server
	running   sync.WaitGroup // handlers, which asynq leaves alone when its time to stop is over
	log       *zap.Logger
}

// weights are the shares of the worker's time when every queue is full.
var weights = map[string]int{queueCritical: 6, queueDefault: 3, queueLow: 1}

// mediaWeights are the shares of those workers' time who take large pictures as well.
var mediaWeights = map[string]int{queueLarge: 3, queueMedia: 1}

// NewRunner makes a runner on a Redis client that the caller closes after Stop. It refuses handlers like NewRegistry.
func NewRunner(db *database.DB, rdb redis.UniversalClient, handlers []Handler, cfg Config, log *zap.Logger) (*Runner, error) {
	registry, err := NewRegistry(db, handlers)
	if err != nil {
		return nil, err
	}
	r := &Runner{
		registry:  registry,
		client:    asynq.NewClientFromRedisClient(rdb),
		inspector: asynq.NewInspectorFromRedisClient(rdb),
		log:       log,
	}
	large := largeShare(cfg.MediaConcurrency)
	r.addServer(rdb, weights, cfg.Concurrency, cfg)
	r.addServer(rdb, map[string]int{queueMedia: 1}, cfg.MediaConcurrency-large, cfg)
	r.addServer(rdb, mediaWeights, large, cfg)
	return r, nil
}

// addServer adds workers for the queues of the handlers that are here, weighed by their kind. A kind's bare name is the queue of all
// modules together in which builds before put their tasks.
func (r *Runner) addServer(rdb redis.UniversalClient, kinds map[string]int, concurrency int, cfg Config) {
	queues := map[string]int{}
	for _, h := range r.registry.handlers {
		if weight, ok := kinds[h.queue]; ok {
			queues[h.queueName()], queues[h.queue] = weight, weight
		}
	}
	if len(queues) > 0 && concurrency > 0 {
		r.servers = append(r.servers, r.newServer(rdb, queues, concurrency, cfg))
	}
}

// largeShare is how many of the workers for pictures may take a large one: a quarter, and at least one.
func largeShare(workers int) int { return max(1, workers/4) }

func (r *Runner) newServer(rdb redis.UniversalClient, queues map[string]int, concurrency int, cfg Config) *asynq.Server {
	return asynq.NewServerFromRedisClient(newPollingClient(rdb, queues), asynq.Config{
		Concurrency:              concurrency,
		Queues:                   queues,
		TaskCheckInterval:        cfg.PollInterval,
		DelayedTaskCheckInterval: 5 * cfg.PollInterval,
		ShutdownTimeout:          cfg.DrainTimeout,
		RetryDelayFunc:           retryDelay,
		IsFailure:                isFailure,
		Logger:                   asynqLog{r.log.Sugar()},
		LogLevel:                 asynq.WarnLevel,
	})
}

// Start begins to work and returns at once. It writes down which subscribers must be waited for when their module is off.
func (r *Runner) Start(ctx context.Context) error {
	if err := r.registry.Enlist(ctx); err != nil {
		return err
	}
	for _, server := range r.servers {
		if err := server.Start(asynq.HandlerFunc(r.process)); err != nil {
			return fmt.Errorf("tasks: start: %w", err)
		}
	}
	return nil
}

// Stop takes on nothing new and waits for what is running, at most Config.DrainTimeout and until ctx ends.
// What is not done by then is interrupted, and runs again elsewhere at once.
func (r *Runner) Stop(ctx context.Context) error {
	var stopping sync.WaitGroup
	for _, server := range r.servers {
		stopping.Go(server.Shutdown)
	}
	stopped := make(chan struct{})
	go func() {
		stopping.Wait()
		r.running.Wait()
		close(stopped)
	}()
	select {
	case <-stopped:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("tasks: stop: %w", ctx.Err())
	}
}

// Handlers lists what this process handles, as other processes need to know it.
func (r *Runner) Handlers() []outbox.Handler { return r.registry.known() }

// SubscribersOf names the handlers here of an event or task.
func (r *Runner) SubscribersOf(kind, name string) []string {
	return r.registry.SubscribersOf(kind, name)
}

// envelope is the payload of an asynq task: one delivery, or a batch of them.
type envelope struct {
	ID      uuid.UUID       `json:"id"`
	Name    string          `json:"name"`
	Payload json.RawMessage `json:"payload"`
	Trace   string          `json:"trace,omitempty"`
	Batch   []envelope      `json:"batch,omitempty"`
}

// ids are the rows that it is about.
func (e envelope) ids() []uuid.UUID {
	if len(e.Batch) == 0 {
		return []uuid.UUID{e.ID}
	}
	ids := make([]uuid.UUID, len(e.Batch))
	for i, one := range e.Batch {
		ids[i] = one.ID
	}
	return ids
}

// kindBatch is the kind in the asynq type of a task that holds a batch of events.
const kindBatch = "batch"

func wrap(d outbox.Delivery) envelope {
	return envelope{ID: d.ID, Name: d.Name, Payload: d.Payload, Trace: d.Trace}
}

func (e envelope) delivery(kind, subscriber string) outbox.Delivery {
	return outbox.Delivery{ID: e.ID, Kind: kind, Name: e.Name, Subscriber: subscriber, Payload: e.Payload, Trace: e.Trace}
}

// TakesBatches reports whether a subscriber here takes many events at once.
func (r *Runner) TakesBatches(kind, subscriber string) bool {
	return r.registry.TakesBatches(kind, subscriber)
}

// Enqueue hands deliveries of one subscriber to asynq as one task. What waits or runs there already is left alone.
func (r *Runner) Enqueue(ctx context.Context, all []outbox.Delivery) error {
	d := all[0]
	h, err := r.handlerOf(d)
	if err != nil {
		return err
	}
	e, kind := wrap(d), h.Kind
	if len(all) > 1 {
		e, kind = envelope{ID: d.ID, Name: d.Name, Batch: make([]envelope, len(all))}, kindBatch
		for i, one := range all {
			e.Batch[i] = wrap(one)
		}
	}
	payload, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("tasks: enqueue %s: %w", d.Subscriber, err)
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := r.enqueue(ctx, h, d, typeName(kind, h.Name), payload); err != nil {
		return fmt.Errorf("tasks: enqueue %s: %w", d.Subscriber, err)
	}
	return nil
}

// handlerOf is how the subscriber of a delivery is enqueued: as it is here, else as a worker that has it said.
func (r *Runner) handlerOf(d outbox.Delivery) (outbox.Handler, error) {
	if h, ok := r.registry.handlers[typeName(d.Kind, d.Subscriber)]; ok {
		return outbox.Handler{Kind: h.kind, Name: h.name, Queue: h.queueName(), Timeout: h.timeout, MaxRetry: h.maxRetry}, nil
	}
	if d.Elsewhere == nil {
		return outbox.Handler{}, fmt.Errorf("%w: %s", errParked, d.Subscriber)
	}
	return *d.Elsewhere, nil
}

// enqueue makes an asynq task under the id. What asynq has archived is begun anew, since the outbox alone decides what is
// dead. A task whose worker died keeps its id for up to two minutes: another one takes its place as soon as the claim has lapsed,
// and the receipt sees to it that only one of them works.
func (r *Runner) enqueue(ctx context.Context, h outbox.Handler, d outbox.Delivery, taskType string, payload []byte) error {
	id := d.ID.String() + ":" + d.Subscriber
	if strings.HasPrefix(taskType, kindBatch+":") {
		id += ":batch" // the first of a batch may come again alone
	}
	for attempt := 1; attempt <= 3; attempt++ {
		// One more retry than the handler's: asynq must not give up before the receipt does.
		task := asynq.NewTask(taskType, payload, asynq.TaskID(id), asynq.Queue(h.Queue),
			asynq.MaxRetry(h.MaxRetry+1), asynq.Timeout(h.Timeout+leaseMargin))
		_, err := r.client.EnqueueContext(ctx, task)
		if !errors.Is(err, asynq.ErrTaskIDConflict) {
			return err
		}
		switch info, err := r.inspector.GetTaskInfo(h.Queue, id); {
		case errors.Is(err, asynq.ErrTaskNotFound), errors.Is(err, asynq.ErrQueueNotFound): // gone meanwhile
		case err != nil:
			return err
		case info.State == asynq.TaskStateArchived:
			if err := r.inspector.DeleteTask(h.Queue, id); err != nil {
				return err
			}
		case info.State == asynq.TaskStateActive:
			gone, err := r.abandoned(ctx, h, d, id)
			if err != nil || !gone {
				return err
			}
			id += ":again"
		default:
			return nil
		}
	}
	return nil
}

// abandoned reports whether nobody works on an active task any more.
func (r *Runner) abandoned(ctx context.Context, h outbox.Handler, d outbox.Delivery, id string) (bool, error) {
	lapsed, err := r.registry.receipts.Lapsed(ctx, d.Subscriber, d.ID)
	return lapsed || err == nil && r.orphaned(h.Queue, id), err
}

// orphaned reports whether the worker of an active task has been silent for longer than asynq allows.
func (r *Runner) orphaned(queue, id string) bool {
	active, err := r.inspector.ListActiveTasks(queue, asynq.PageSize(1000))
	if err != nil {
		return false
	}
	return slices.ContainsFunc(active, func(t *asynq.TaskInfo) bool { return t.ID == id && t.IsOrphaned })
}

// process is asynq's handler for every task; it finds ours by exact name.
func (r *Runner) process(ctx context.Context, task *asynq.Task) error {
	r.running.Add(1)
	defer r.running.Done()
	kind, subscriber, _ := strings.Cut(task.Type(), ":")
	var e envelope
	if err := json.Unmarshal(task.Payload(), &e); err != nil {
		return fmt.Errorf("tasks: read envelope: %w: %w", err, asynq.SkipRetry)
	}
	err := r.run(ctx, kind, subscriber, e)
	log := r.log.With(zap.String("handler", subscriber), zap.Stringer("outbox_id", e.ID))
	var over dead
	var wait putOff
	var split apart
	switch {
	case err == nil:
		return nil
	case errors.As(err, &split):
		log.Warn("a batch failed, and comes again one by one", withStack(err)...)
		return nil
	case errors.Is(err, errParked): // the relay finds who has it, and parks the row if nobody has
		log.Info("put back: its handler is not here")
		return r.putBack(ctx, e.ids()...)
	case errors.As(err, &over):
		log.Error("given up: see `atrium outbox list --dead`", withStack(err)...)
		return fmt.Errorf("%w: %w", err, asynq.SkipRetry)
	case errors.As(err, &wait):
		log.Debug("put off", zap.Duration("by", wait.by), zap.Error(err))
		return err
	}
	log.Warn("failed, and will be tried again", withStack(err)...)
	return err
}

func (r *Runner) run(ctx context.Context, kind, subscriber string, e envelope) error {
	if kind != kindBatch {
		return r.registry.Run(ctx, e.delivery(kind, subscriber))
	}
	all := make([]outbox.Delivery, len(e.Batch))
	for i, one := range e.Batch {
		all[i] = one.delivery(outbox.KindEvent, subscriber)
	}
	return r.registry.RunBatch(ctx, subscriber, all)
}

// putBack leaves a row to those who have its handler.
func (r *Runner) putBack(ctx context.Context, ids ...uuid.UUID) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterwards)
	defer cancel()
	if err := r.registry.receipts.PutBack(ctx, ids...); err != nil {
		return putOff{err, unavailable}
	}
	return nil
}

func withStack(err error) []zap.Field {
	fields := []zap.Field{zap.Error(err)}
	var p *panicked
	if errors.As(err, &p) {
		fields = append(fields, zap.ByteString("stack", p.stack))
	}
	return fields
}

// isFailure tells asynq what counts as a try.
func isFailure(err error) bool {
	var wait putOff
	return err != nil && !errors.As(err, &wait)
}

const (
	firstDelay = time.Second
	maxDelay   = 10 * time.Minute
)

// retryDelay is how long to wait after the nth failure: as the handler wishes, else doubling from a second to ten minutes,
// less up to half of it by chance, so that what failed together does not come back together.
func retryDelay(n int, err error, _ *asynq.Task) time.Duration {
	var wait putOff
	if errors.As(err, &wait) {
		return wait.by + rand.N(time.Second)
	}
	var wish delayed
	if errors.As(err, &wish) {
		return wish.by
	}
	delay := min(firstDelay<<min(n, 20), maxDelay)
	return delay - rand.N(delay/2)
}

// asynqLog is asynq's logger on zap.
type asynqLog struct{ log *zap.SugaredLogger }

func (l asynqLog) Debug(args ...any) { l.log.Debug(args...) }
func (l asynqLog) Info(args ...any)  { l.log.Info(args...) }
func (l asynqLog) Warn(args ...any)  { l.log.Warn(args...) }
func (l asynqLog) Error(args ...any) { l.log.Error(args...) }

// Fatal logs an error: what is wrong with the queue never ends the process.
func (l asynqLog) Fatal(args ...any) { l.log.Error(args...) }
