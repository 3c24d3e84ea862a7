// Package deletion deletes accounts: asked for in the app or by mail, scheduled, cancelled by signing in, and erased when the time has
// come, with the progress of every module's part.
package deletion

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"atrium/modules/auth"
	"atrium/modules/uploads"
	"atrium/modules/users"
	"atrium/modules/users/internal/consent"
	"atrium/modules/users/internal/graph"
	"atrium/modules/users/internal/relation"
	"atrium/modules/users/internal/user"
	"atrium/platform/database"
	"atrium/platform/httpserver"
	"atrium/platform/keys"
	"atrium/platform/mail"
	"atrium/platform/outbox"
	"atrium/platform/plug"
)

// The steps that this module does itself. The others are named like the modules that clean up.
const (
	stepFollows = "follows" // they end first, since each changes somebody else's counters
	stepProfile = "profile" // everything that identifies the person
)

// The statuses of a deletion.
const (
	waiting   = "waiting"   // signing in cancels it
	cancelled = "cancelled" // the person signed in
	erasing   = "erasing"
	erased    = "erased"
)

// deletion is a row of user_erasures with its steps.
type deletion struct {
	ID          uuid.UUID
	UserID      uuid.UUID
	AskedAt     time.Time
	EraseAt     time.Time
	CancelledAt *time.Time
	BeganAt     *time.Time
	EventID     *uuid.UUID
	FinishedAt  *time.Time
	Steps       []step `gorm:"-"`
}

// step is one part of the work; DoneAt nil: it is still to be done.
type step struct {
	Step   string
	DoneAt *time.Time
}

func (e deletion) status() string {
	switch {
	case e.CancelledAt != nil:
		return cancelled
	case e.FinishedAt != nil:
		return erased
	case e.BeganAt != nil:
		return erasing
	}
	return waiting
}

// Service deletes accounts. Safe for concurrent use.
type Service struct {
	eraseAfter time.Duration
	publicURL  string
	links      links
	db         *database.DB
	store      store
	outbox     *outbox.Outbox
	library    uploads.Library
	mails      mail.Sender
	sessions   auth.Sessions
	users      *user.Store
	directory  *user.Directory
	consents   *consent.Service
	relations  *relation.Service
	graph      *graph.Service
}

// Deps are what a Service needs.
type Deps struct {
	plug.In

	Config    users.Config
	Web       httpserver.Config
	Master    *keys.Master
	DB        *database.DB
	Outbox    *outbox.Outbox
	Library   uploads.Library
	Mail      mail.Sender
	Sessions  auth.Sessions
	Users     *user.Store
	Directory *user.Directory
	Consents  *consent.Service
	Relations *relation.Service
	Graph     *graph.Service
}

func NewService(d Deps) *Service {
	return &Service{
		eraseAfter: d.Config.EraseAfter, publicURL: strings.TrimSuffix(d.Web.PublicURL, "/"), links: links{d.Master.DeriveAll("users.links", 32)},
		db: d.DB, store: store{d.DB}, outbox: d.Outbox, library: d.Library, mails: d.Mail, sessions: d.Sessions,
		users: d.Users, directory: d.Directory, consents: d.Consents, relations: d.Relations, graph: d.Graph,
	}
}

// Scheduled is a scheduled deletion as the one who asked for it sees it.
type Scheduled struct {
	EraseAt  time.Time
	Progress string // a token that shows how far it is, without signing in
}

// Schedule locks a person's account and schedules its erasure. Asking again does not postpone it.
func (s *Service) Schedule(ctx context.Context, id uuid.UUID) (scheduled Scheduled, err error) {
	err = s.directory.Update(ctx, id, func(ctx context.Context, u *user.User) error {
		if u.ErasedAt != nil {
			return users.ErrNotFound
		}
		if u.EraseAt == nil {
			now, err := s.users.Now(ctx)
			if err != nil {
				return err
			}
			at := now.Add(s.eraseAfter)
			u.EraseAt = &at
			if err := s.store.insert(ctx, deletion{ID: uuid.Must(uuid.NewV7()), UserID: id, EraseAt: at}); err != nil {
				return err
			}
		}
		e, err := s.store.findOpen(ctx, id)
		if err != nil {
			return err
		}
		scheduled = Scheduled{EraseAt: *u.EraseAt, Progress: s.links.seal(progressLink, e.ID)}
		if err := s.sessions.RevokeAll(ctx, id, auth.Cause{By: id, Reason: "erasure"}); err != nil {
			return err
		}
		if err := s.directory.HidePictures(ctx, u); err != nil {
			return err
		}
		return s.outbox.Publish(ctx, users.Locked{UserID: id, Reason: "erasure"})
	})
	return scheduled, err
}

// Progress returns how far a deletion is, by the token of Scheduled, or users.ErrNotFound.
func (s *Service) Progress(ctx context.Context, token string) (deletion, error) {
	ids, ok := s.links.open(progressLink, token, 1)
	if !ok {
		return deletion{}, users.ErrNotFound
	}
	return s.store.find(ctx, "id = ?", ids[0])
}

// ProgressOf returns how far the newest deletion of an account is, or users.ErrNotFound.
func (s *Service) ProgressOf(ctx context.Context, id uuid.UUID) (deletion, error) {
	return s.store.find(ctx, "user_id = ?", id)
}

// RecordEvent records the event by which the other modules clean up.
func (s *Service) RecordEvent(ctx context.Context, event uuid.UUID, e users.Deleted) error {
	return s.store.recordEvent(ctx, e.UserID, event)
}

// UpdateProgress records which modules have cleaned up, and finishes the deletions in which all have.
func (s *Service) UpdateProgress(ctx context.Context) error {
	unfinished, err := s.store.findUnfinished(ctx, eraseBatch)
	if err != nil {
		return err
	}
	for _, e := range unfinished {
		if failed := s.updateProgress(ctx, e); failed != nil {
			err = errors.Join(err, fmt.Errorf("update progress of deletion %s: %w", e.ID, failed))
		}
	}
	return err
}

func (s *Service) updateProgress(ctx context.Context, e deletion) error {
	standings, err := s.outbox.Standings(ctx, *e.EventID)
	if err != nil {
		return err
	}
	open := 0
	steps := map[string]bool{}
	for _, s := range standings {
		module, _, _ := strings.Cut(s.Subscriber, ".")
		if module == "users" { // RecordEvent itself
			continue
		}
		done := s.State == outbox.StandingDone
		steps[module] = done
		if !done {
			open++
		}
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		if err := s.store.recordSteps(ctx, e.ID, steps); err != nil || open > 0 {
			return err
		}
		return s.store.finish(ctx, e.ID)
	})
}

// Cancel cancels the deletion of an account, in the transaction open in ctx, or returns users.ErrNotFound where it is erased already.
// Where none is scheduled it does nothing.
func (s *Service) Cancel(ctx context.Context, id uuid.UUID) error {
	return s.directory.Update(ctx, id, func(ctx context.Context, u *user.User) error {
		if u.ErasedAt != nil {
			return users.ErrNotFound
		}
		if u.EraseAt == nil {
			return nil
		}
		u.EraseAt = nil
		if err := s.store.cancel(ctx, id); err != nil {
			return err
		}
		if u.IsLocked() {
			return nil
		}
		if err := s.directory.ShowPictures(ctx, u); err != nil {
			return err
		}
		return s.outbox.Publish(ctx, users.Returned{UserID: id})
	})
}
