// Package account is what people do with their own accounts: signing up, profile, settings, privacy; and what the back office does:
// suspensions and roles.
package account

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"atrium/modules/auth"
	"atrium/modules/posts"
	"atrium/modules/uploads"
	"atrium/modules/users"
	"atrium/modules/users/internal/consent"
	"atrium/modules/users/internal/graph"
	"atrium/modules/users/internal/handle"
	"atrium/modules/users/internal/user"
	"atrium/platform/database"
	"atrium/platform/mail"
	"atrium/platform/outbox"
	"atrium/platform/plug"
)

// Service changes accounts: users.Accounts but for Restore, users.Counters and users.Admin. Safe for concurrent use.
type Service struct {
	db        *database.DB
	store     store
	outbox    *outbox.Outbox
	library   uploads.Library
	importer  uploads.Importer
	mails     mail.Sender
	sessions  auth.Sessions
	users     *user.Store
	directory *user.Directory
	consents  *consent.Service
	graph     *graph.Service
	posts     posts.Counts
}

// Deps are what a Service needs.
type Deps struct {
	plug.In

	DB        *database.DB
	Outbox    *outbox.Outbox
	Library   uploads.Library
	Importer  uploads.Importer
	Mail      mail.Sender
	Sessions  auth.Sessions
	Users     *user.Store
	Directory *user.Directory
	Consents  *consent.Service
	Graph     *graph.Service
	Posts     posts.Counts
}

func NewService(d Deps) *Service {
	return &Service{
		db: d.DB, store: store{d.DB}, outbox: d.Outbox, library: d.Library, importer: d.Importer, mails: d.Mail, sessions: d.Sessions,
		users: d.Users, directory: d.Directory, consents: d.Consents, graph: d.Graph, posts: d.Posts,
	}
}

// SignUp implements users.Accounts.
func (s *Service) SignUp(ctx context.Context, who users.NewPerson) (uuid.UUID, error) {
	u := user.New(who)
	return u.ID, s.db.InTx(ctx, func(ctx context.Context) error {
		if err := s.users.Insert(ctx, &u); err != nil {
			return err
		}
		if err := s.importAvatar(ctx, &u, who.Picture); err != nil {
			return err
		}
		if err := s.assignHandle(ctx, &u, who.Name); err != nil {
			return err
		}
		return s.store.insertSettings(ctx, defaultSettings(u.ID, who.Language))
	})
}

// importAvatar has the sign-in provider's picture fetched. It shows as soon as it is there.
func (s *Service) importAvatar(ctx context.Context, u *user.User, picture string) error {
	if picture == "" {
		return nil
	}
	id, err := s.importer.Import(ctx, u.ID, picture)
	u.AvatarID = &id
	return err
}

// assignHandle gives the person a free handle that resembles the name.
func (s *Service) assignHandle(ctx context.Context, u *user.User, name string) error {
	for try := range 12 {
		suggested := handle.Suggest(name, try)
		free, err := s.users.ClaimHandle(ctx, u.ID, suggested)
		if err != nil {
			return err
		}
		if free {
			u.Handle = suggested
			return s.users.Save(ctx, u)
		}
	}
	return errors.New("sign up: no free handle found")
}

// Standing implements users.Accounts.
func (s *Service) Standing(ctx context.Context, id uuid.UUID) (users.Standing, error) {
	return s.users.Standing(ctx, id)
}

// Me implements users.Accounts.
func (s *Service) Me(ctx context.Context, id uuid.UUID) (users.Me, error) {
	u, err := s.users.Find(ctx, id)
	if err != nil || u.ErasedAt != nil {
		return users.Me{}, orNotFound(err)
	}
	pending, err := s.consents.Pending(ctx, id)
	if err != nil {
		return users.Me{}, err
	}
	counts, err := s.posts.CountByAuthor(ctx, []uuid.UUID{id})
	if err != nil {
		return users.Me{}, err
	}
	me := u.Me(pending)
	me.Counts.Posts = counts[id].Total()
	err = s.directory.AddPictures(ctx, u, &me.User)
	return me, err
}

// AddPosts implements users.Counters.
func (s *Service) AddPosts(ctx context.Context, author uuid.UUID, delta int) error {
	return s.users.AddPosts(ctx, author, delta)
}

// orNotFound is the error, or ErrNotFound where the person was found but is gone.
func orNotFound(err error) error {
	if err != nil {
		return err
	}
	return users.ErrNotFound
}
