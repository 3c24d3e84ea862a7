package imports

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"github.com/google/uuid"

	"atrium/modules/products/internal/bulk"
	"atrium/modules/products/internal/product"
	"atrium/modules/users"
	"atrium/platform/database"
	"atrium/platform/fault"
	"atrium/platform/outbox"
	"atrium/platform/plug"
	"atrium/platform/tasks"
)

// Service begins, runs and cancels imports.
type Service struct {
	db       *database.DB
	store    *Store
	bulk     *bulk.Service
	accounts users.Accounts
	outbox   *outbox.Outbox
	check    bulk.Check
}

// Deps is what NewService needs.
type Deps struct {
	plug.In

	DB       *database.DB
	Store    *Store
	Bulk     *bulk.Service
	Accounts users.Accounts
	Outbox   *outbox.Outbox
}

func NewService(d Deps) *Service {
	return &Service{db: d.DB, store: d.Store, bulk: d.Bulk, accounts: d.Accounts, outbox: d.Outbox, check: bulk.RowCheck()}
}

// Upload is a file that is to be imported.
type Upload struct {
	Content io.Reader
	Media   string
	Charset string
	DryRun  bool
}

// partSize is how much of a file is kept in a row, in bytes.
const partSize = 256 << 10

// Begin keeps a file and enqueues its import. It returns errRunning while another import of the person is not finished, and
// bulk.Open's errors for what cannot be read at all.
func (s *Service) Begin(ctx context.Context, editor product.Editor, upload Upload) (*Import, error) {
	if running, err := s.store.Running(ctx, editor.ID); err != nil || running {
		return nil, errors.Join(err, onlyIf(running, errRunning))
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	i := &Import{ID: id, OwnerID: editor.ID, Admin: editor.Admin, DryRun: upload.DryRun, Status: Queued, Media: upload.Media, Charset: upload.Charset,
		Problems: []Problem{}}
	err = s.keep(ctx, id, upload)
	if err == nil {
		i.MovedAt = s.db.Conn(ctx).NowFunc()
		err = s.insert(ctx, i)
	}
	if err != nil {
		return nil, errors.Join(err, s.store.DropFile(context.WithoutCancel(ctx), id))
	}
	return i, nil
}

func (s *Service) insert(ctx context.Context, i *Import) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		if err := s.store.Insert(ctx, i); err != nil {
			return err
		}
		return s.outbox.Enqueue(ctx, Run{ImportID: i.ID})
	})
}

// keep checks the beginning of a file and keeps all of it, a part at a time.
func (s *Service) keep(ctx context.Context, id uuid.UUID, upload Upload) error {
	content := bufio.NewReaderSize(upload.Content, bulk.HeaderAtMost)
	head, err := content.Peek(bulk.HeaderAtMost)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if _, err := bulk.Open(bytes.NewReader(head), upload.Media, upload.Charset, s.check); err != nil {
		return err
	}
	part := make([]byte, partSize)
	for n := 0; ; n++ {
		size, err := io.ReadFull(content, part)
		if size > 0 {
			if err := s.store.KeepPart(ctx, id, n, part[:size]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Read returns an import that the reader may see: their own, or everybody's; errNotFound for others.
func (s *Service) Read(ctx context.Context, reader product.Editor, id uuid.UUID) (*Import, error) {
	i, err := s.store.ByID(ctx, id)
	if err != nil {
		return nil, err
	}
	if !reader.Admin && i.OwnerID != reader.ID {
		return nil, errNotFound
	}
	return i, nil
}

// Cancel stops an import. What it has put in stays. Idempotent; one that is done or has failed is errFinished.
func (s *Service) Cancel(ctx context.Context, editor product.Editor, id uuid.UUID) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		i, err := s.store.Lock(ctx, id)
		if err != nil {
			return err
		}
		switch {
		case !editor.Admin && i.OwnerID != editor.ID:
			return errNotFound
		case i.Status == Cancelled:
			return nil
		case i.over():
			return errFinished
		}
		return s.finish(ctx, i, Cancelled)
	})
}

// finish ends an import, in the transaction that holds its lock.
func (s *Service) finish(ctx context.Context, i *Import, status Status) error {
	now := s.db.Conn(ctx).NowFunc()
	i.Status, i.FinishedAt = status, &now
	if err := s.store.Update(ctx, i); err != nil {
		return err
	}
	return s.store.DropLines(ctx, i.ID)
}

const (
	// turn is for how long a run takes lines before it leaves the rest to another: no worker is held for minutes.
	turn = 20 * time.Second
	// What a step takes at most: it is a transaction of its own, and held in memory.
	stepLines = 500
	stepBytes = 4 << 20
)

// errOver: the import is over, or another run goes on with it.
var errOver = errors.New("imports: nothing to go on with")

// Run goes on with an import, step by step, until it is done or the run's turn is over. Any number of runs at once, or one after the
// other, take each line once.
func (s *Service) Run(ctx context.Context, id uuid.UUID) error {
	i, err := s.begin(ctx, id)
	if errors.Is(err, errOver) || errors.Is(err, errNotFound) {
		return nil
	}
	if err == nil {
		err = s.run(ctx, i)
	}
	switch {
	case errors.Is(err, errOver):
		return nil
	case err != nil && ctx.Err() == nil && tasks.LastTry(ctx):
		return errors.Join(err, s.fail(ctx, id))
	}
	return err
}

// begin reads an import that is to go on. Somebody who may not sell any more imports nothing.
func (s *Service) begin(ctx context.Context, id uuid.UUID) (i *Import, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		if i, err = s.store.Lock(ctx, id); err != nil {
			return err
		}
		if i.over() {
			return errOver
		}
		standing, err := s.accounts.Standing(ctx, i.OwnerID)
		if err != nil && !errors.Is(err, users.ErrNotFound) {
			return err
		}
		if standing.Suspended || standing.Deleted {
			return s.finish(ctx, i, Failed)
		}
		i.Status = Running
		return s.store.Update(ctx, i)
	})
	if err == nil && i.over() {
		err = errOver
	}
	return i, err
}

func (s *Service) run(ctx context.Context, i *Import) error {
	file, err := bulk.Open(s.store.File(ctx, i.ID), i.Media, i.Charset, s.check)
	if err == nil {
		err = file.GoOn(i.position())
	}
	if err != nil {
		return err
	}
	for end := time.Now().Add(turn); ; {
		lines, last, err := readStep(file, i.position())
		if err != nil {
			return err
		}
		if err := s.take(ctx, i, lines, last); err != nil || last {
			return err
		}
		if time.Now().After(end) {
			return s.db.InTx(ctx, func(ctx context.Context) error { return s.outbox.Enqueue(ctx, Run{ImportID: i.ID}) })
		}
	}
}

// readStep reads the lines of one step; last reports that none follow.
func readStep(file *bulk.File, from bulk.Position) (lines []bulk.Line, last bool, err error) {
	for len(lines) < stepLines {
		line, err := file.Next()
		if errors.Is(err, io.EOF) {
			return lines, true, nil
		}
		if err != nil {
			return nil, false, err
		}
		if lines = append(lines, line); line.End.Bytes-from.Bytes > stepBytes {
			break
		}
	}
	return lines, false, nil
}

// take puts lines in and writes down that it did, in one transaction. Where somebody else was faster with one of them, halves are taken,
// down to the line that cannot be.
func (s *Service) take(ctx context.Context, i *Import, lines []bulk.Line, last bool) error {
	err := s.step(ctx, i, lines, last, nil)
	if err == nil || !conflicts(err) {
		return err
	}
	if len(lines) == 1 {
		return s.step(ctx, i, lines, last, err)
	}
	half := len(lines) / 2
	if err := s.take(ctx, i, lines[:half], false); err != nil {
		return err
	}
	return s.take(ctx, i, lines[half:], last)
}

// step takes lines, or with refusal notes that one cannot be taken.
func (s *Service) step(ctx context.Context, i *Import, lines []bulk.Line, last bool, refusal error) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		now, err := s.store.Lock(ctx, i.ID)
		if err != nil {
			return err
		}
		if now.over() || now.Position != i.Position {
			return errOver
		}
		results := []bulk.Result{{Err: refusal}}
		if refusal == nil {
			if results, err = s.put(ctx, now, lines); err != nil {
				return err
			}
		}
		for n, line := range lines {
			now.note(line, results[n])
			now.Position, now.Line = line.End.Bytes, int64(line.End.Lines)
		}
		if last {
			err = s.finish(ctx, now, Done)
		} else {
			err = s.store.Update(ctx, now)
		}
		if err == nil {
			*i = *now
		}
		return err
	})
}

// put puts those lines in that can be read and have a SKU of their own, and returns what became of each.
func (s *Service) put(ctx context.Context, i *Import, lines []bulk.Line) ([]bulk.Result, error) {
	results := make([]bulk.Result, len(lines))
	first, err := s.claim(ctx, i, lines)
	if err != nil {
		return nil, err
	}
	var items []bulk.Item
	var of []int // the lines of the items
	for n, line := range lines {
		switch before := first[line.SKU]; {
		case line.Err != nil:
			results[n].Err = line.Err
		case before != line.Number:
			results[n].Err = twice(before)
		default:
			items, of = append(items, line.Item), append(of, n)
		}
	}
	var tried bulk.Tried
	if i.DryRun {
		tried = func(ctx context.Context, slugs []string) (map[string]bool, error) {
			return s.store.Tried(ctx, i.ID, slugs)
		}
	}
	put, err := s.bulk.PutAll(ctx, i.editor(), items, tried)
	if err != nil {
		return nil, err
	}
	var skus, slugs []string
	for n, r := range put {
		results[of[n]] = r
		if i.DryRun && r.Made != "" {
			skus, slugs = append(skus, lines[of[n]].SKU), append(slugs, r.Made)
		}
	}
	return results, s.store.Made(ctx, i.ID, skus, slugs)
}

// claim notes which lines have which SKUs.
func (s *Service) claim(ctx context.Context, i *Import, lines []bulk.Line) (map[string]int, error) {
	var skus []string
	var numbers []int64
	for _, line := range lines {
		if line.Err == nil {
			skus, numbers = append(skus, line.SKU), append(numbers, int64(line.Number))
		}
	}
	if len(skus) == 0 {
		return nil, nil
	}
	return s.store.Claim(ctx, i.ID, skus, numbers)
}

// conflicts reports whether a step failed by what was asked for: only somebody who was faster can have that effect.
func conflicts(err error) bool {
	kind := fault.KindOf(err)
	return !errors.Is(err, errOver) && kind != fault.KindInternal && kind != fault.KindUnavailable && kind != fault.KindNotFound
}

// fail ends an import that could not be finished.
func (s *Service) fail(ctx context.Context, id uuid.UUID) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		i, err := s.store.Lock(ctx, id)
		if err != nil || i.over() {
			return err
		}
		return s.finish(ctx, i, Failed)
	})
}

const (
	// keptFor is how long an import can be read, and its file is kept.
	keptFor = 30 * 24 * time.Hour
	// uploadsKeptFor is how long the parts of an upload are kept that broke off.
	uploadsKeptFor = 24 * time.Hour
	// stuckFor is how long an import may stand still before it has failed: its task was given up.
	stuckFor = 24 * time.Hour
)

// Clean deletes old imports, and ends those that nobody goes on with.
func (s *Service) Clean(ctx context.Context) error {
	stuck, err := s.store.Stuck(ctx, stuckFor)
	if err != nil {
		return err
	}
	for _, id := range stuck {
		if err := s.fail(ctx, id); err != nil {
			return err
		}
	}
	return s.store.Clean(ctx, keptFor, uploadsKeptFor)
}

// Forget deletes a person's imports, in the transaction open in ctx.
func (s *Service) Forget(ctx context.Context, owner uuid.UUID) error {
	return s.store.Forget(ctx, owner)
}

func onlyIf(condition bool, err error) error {
	if condition {
		return err
	}
	return nil
}
