// Package export makes archives of everything that Atrium keeps about a person, for them to take along.
package export

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"

	"atrium/modules/auth"
	"atrium/modules/users"
	"atrium/platform/blob"
	"atrium/platform/database"
	"atrium/platform/dataexport"
	"atrium/platform/httpserver"
	"atrium/platform/keys"
	"atrium/platform/outbox"
	"atrium/platform/plug"
	"atrium/platform/tasks"
)

const (
	kept      = 7 * 24 * time.Hour  // how long an archive can be fetched
	linkTTL   = 10 * time.Minute    // of a link to it
	signedTTL = time.Minute         // of the CDN's signature that a link leads to
	noted     = 30 * 24 * time.Hour // how long its row stays after that
	fileName  = "atrium-export.zip"
	pruneSize = 100 // archives a run
)

// The states of an export.
const (
	preparing = "preparing"
	ready     = "ready"
	failed    = "failed"
	expired   = "expired"
)

// export is a row of user_exports.
type export struct {
	ID        uuid.UUID
	UserID    uuid.UUID
	Status    string
	Folder    string
	ExpiresAt *time.Time
}

// key is where the archive is in S3.
func (e export) key() string { return e.prefix() + fileName }

// prefix is the folder that its link opens.
func (e export) prefix() string { return "exports/" + e.Folder + "/" }

// Service makes exports.
type Service struct {
	publicURL string
	links     links
	db        *database.DB
	store     store
	outbox    *outbox.Outbox
	files     *blob.Store
	cdn       *blob.CDN
	sessions  auth.Sessions
	parts     []dataexport.Part
}

// Deps are what a Service needs.
type Deps struct {
	plug.In

	Web      httpserver.Config
	Master   *keys.Master
	DB       *database.DB
	Outbox   *outbox.Outbox
	Files    *blob.Store
	CDN      *blob.CDN
	Sessions auth.Sessions
	Parts    plug.All[dataexport.Part]
}

// NewService makes archives of every module's part.
func NewService(d Deps) *Service {
	return &Service{
		publicURL: strings.TrimSuffix(d.Web.PublicURL, "/"), links: links{d.Master.DeriveAll("users.exports", 32)}, db: d.DB,
		store: store{d.DB.WithConstraints(constraints)}, outbox: d.Outbox, files: d.Files, cdn: d.CDN, sessions: d.Sessions, parts: d.Parts,
	}
}

// Request has a person's archive made, or returns users.ErrExportRunning while one is being made.
func (s *Service) Request(ctx context.Context, user uuid.UUID) (Standing, error) {
	e := export{ID: uuid.Must(uuid.NewV7()), UserID: user, Status: preparing, Folder: strings.ToLower(rand.Text())}
	err := s.db.InTx(ctx, func(ctx context.Context) error {
		if err := s.store.insert(ctx, e); err != nil {
			return err
		}
		if err := s.outbox.Enqueue(ctx, assemble{ExportID: e.ID}); err != nil {
			return err
		}
		return s.outbox.Publish(ctx, users.ExportRequested{UserID: user, ExportID: e.ID})
	})
	return Standing{Status: e.Status}, err
}

// Standing is how a person's newest export stands.
type Standing struct {
	Status    string
	KeptUntil *time.Time // where it is ready: then it is removed
	id        uuid.UUID
}

// Standing returns how a person's newest export stands, or users.ErrNoExport.
func (s *Service) Standing(ctx context.Context, user uuid.UUID) (Standing, error) {
	e, err := s.store.newest(ctx, user)
	if err != nil {
		return Standing{}, err
	}
	switch {
	case e.Status != ready:
		return Standing{Status: e.Status}, nil
	case !e.ExpiresAt.After(time.Now()): // not removed yet
		return Standing{Status: expired}, nil
	}
	return Standing{Status: ready, KeptUntil: e.ExpiresAt, id: e.ID}, nil
}

// Link returns an address that fetches a ready archive, without a token, and when it ends: after linkTTL, with the session, or
// with the archive.
func (s *Service) Link(st Standing, session uuid.UUID) (url string, expires time.Time) {
	expires = time.Now().Add(linkTTL).UTC().Truncate(time.Second)
	if st.KeptUntil.Before(expires) {
		expires = st.KeptUntil.UTC()
	}
	return s.publicURL + filePath + s.links.seal(link{export: st.id, session: session, expires: expires}), expires
}

// Open returns where the archive behind a link is, for a moment, or users.ErrNoExport.
func (s *Service) Open(ctx context.Context, token string) (url string, err error) {
	l, ok := s.links.open(token)
	if !ok || !l.expires.After(time.Now()) {
		return "", users.ErrNoExport
	}
	active, err := s.sessions.Active(ctx, l.session)
	if err != nil {
		return "", err
	}
	e, err := s.store.find(ctx, l.export)
	if err != nil {
		return "", err
	}
	if !active || e.Status != ready || !e.ExpiresAt.After(time.Now()) {
		return "", users.ErrNoExport
	}
	query, err := s.cdn.SignUntil(e.prefix(), time.Now().Add(signedTTL))
	return s.cdn.Public(e.key()) + "?" + query, err
}

// Assemble makes the archive. Repeating it writes the same object again; what was finished or withdrawn meanwhile stays so.
func (s *Service) Assemble(ctx context.Context, id uuid.UUID) error {
	e, err := s.store.find(ctx, id)
	if errors.Is(err, users.ErrNoExport) || err == nil && e.Status != preparing {
		return nil
	}
	if err != nil {
		return err
	}
	if err := s.stream(ctx, e); err != nil {
		if tasks.LastTry(ctx) {
			err = errors.Join(err, s.store.failed(context.WithoutCancel(ctx), id))
		}
		return err
	}
	done, err := s.store.ready(ctx, id, kept)
	if err == nil && !done { // the person has gone meanwhile
		err = s.files.Delete(ctx, e.key())
	}
	return err
}

// stream writes the archive into S3 while it is being made: only some parts of it are in memory at any time.
func (s *Service) stream(ctx context.Context, e export) error {
	out, in := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		in.CloseWithError(dataexport.Write(ctx, in, e.UserID, s.parts, time.Now()))
	}()
	err := s.files.Stream(ctx, e.key(), "application/zip", "private, no-store", out)
	out.CloseWithError(errors.Join(io.ErrClosedPipe, err)) // whoever still writes need not go on
	<-done
	if err != nil {
		return fmt.Errorf("export %s: %w", e.ID, err)
	}
	return nil
}

// Prune removes archives that have expired, and forgets rows that are old.
func (s *Service) Prune(ctx context.Context) error {
	over, err := s.store.over(ctx, pruneSize)
	if err != nil {
		return err
	}
	for _, e := range over {
		if err := s.files.Delete(ctx, e.key()); err != nil {
			return err
		}
		if err := s.store.removed(ctx, e.ID); err != nil {
			return err
		}
	}
	return s.store.forget(ctx, noted)
}
