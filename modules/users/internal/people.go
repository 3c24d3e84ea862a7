package internal

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/google/uuid"

	"atrium/modules/auth"
	"atrium/modules/uploads"
	"atrium/modules/users"
	"atrium/platform/database"
	"atrium/platform/etag"
	"atrium/platform/identity"
	"atrium/platform/mail"
	"atrium/platform/outbox"
)

// People is the life of accounts: users.Accounts, users.Tally and users.Backoffice, and what people do with themselves.
type People struct {
	cfg       users.Config
	db        *database.DB
	store     store
	outbox    *outbox.Outbox
	library   uploads.Library
	mails     mail.Sender
	pictures  uploads.Importer
	sessions  auth.Sessions
	directory *Directory
	links     links
	publicURL string
}

// Deps are what People stands on.
type Deps struct {
	DB        *database.DB
	Outbox    *outbox.Outbox
	Library   uploads.Library
	Pictures  uploads.Importer
	Mail      mail.Sender
	Sessions  auth.Sessions
	Directory *Directory
	LinkKey   []byte // signs the links that work without signing in
	PublicURL string
}

// NewPeople makes the service.
func NewPeople(cfg users.Config, d Deps) *People {
	return &People{
		cfg: cfg, db: d.DB, store: store{d.DB}, outbox: d.Outbox, library: d.Library, pictures: d.Pictures, mails: d.Mail, sessions: d.Sessions,
		directory: d.Directory,
		links:     links{d.LinkKey}, publicURL: strings.TrimSuffix(d.PublicURL, "/"),
	}
}

// SignUp implements users.Accounts.
func (p *People) SignUp(ctx context.Context, who users.NewPerson) (uuid.UUID, error) {
	u := newUser(who)
	return u.ID, p.db.InTx(ctx, func(ctx context.Context) error {
		if err := p.store.insert(ctx, &u); err != nil {
			return err
		}
		if err := p.importAvatar(ctx, &u, who.Picture); err != nil {
			return err
		}
		if err := p.giveHandle(ctx, &u, who.Name); err != nil {
			return err
		}
		return p.store.insertSettings(ctx, firstSettings(u.ID, who.Language))
	})
}

// importAvatar has the provider's picture fetched, which shows as soon as it is there.
func (p *People) importAvatar(ctx context.Context, u *user, picture string) error {
	if picture == "" {
		return nil
	}
	id, err := p.pictures.Import(ctx, u.ID, picture)
	u.AvatarID = &id
	return err
}

// giveHandle finds a free handle that resembles the name.
func (p *People) giveHandle(ctx context.Context, u *user, name string) error {
	for try := range 12 {
		handle := suggestHandle(name, try)
		free, err := p.store.claimHandle(ctx, u.ID, handle)
		if err != nil {
			return err
		}
		if free {
			u.Handle = handle
			return p.store.save(ctx, u)
		}
	}
	return errors.New("users: no free handle found")
}

// Standing implements users.Accounts.
func (p *People) Standing(ctx context.Context, id uuid.UUID) (users.Standing, error) {
	return p.store.standing(ctx, id)
}

// Restore implements users.Accounts.
func (p *People) Restore(ctx context.Context, id uuid.UUID) error {
	return p.change(ctx, id, func(ctx context.Context, u *user) error {
		if u.ErasedAt != nil {
			return users.ErrNotFound
		}
		if u.EraseAt == nil {
			return nil
		}
		u.EraseAt = nil
		if err := p.store.cancelErasure(ctx, id); err != nil {
			return err
		}
		return p.returned(ctx, u)
	})
}

// returned tells the others that a person is here again, unless something else still keeps them out.
func (p *People) returned(ctx context.Context, u *user) error {
	if u.SuspendedAt != nil || u.EraseAt != nil {
		return nil
	}
	return p.outbox.Publish(ctx, users.Returned{UserID: u.ID})
}

// Me implements users.Accounts.
func (p *People) Me(ctx context.Context, id uuid.UUID) (users.Me, error) {
	u, err := p.store.find(ctx, id)
	if err != nil || u.ErasedAt != nil {
		return users.Me{}, orNotFound(err)
	}
	agreed, err := p.directory.agreed(ctx, id)
	if err != nil {
		return users.Me{}, err
	}
	me := u.me(pending(p.directory.documents, agreed))
	err = p.directory.dress(ctx, u, &me.User)
	return me, err
}

// AddPosts implements users.Tally.
func (p *People) AddPosts(ctx context.Context, author uuid.UUID, delta int) error {
	return p.store.addPosts(ctx, author, delta)
}

// Edit changes one's own profile. Its version moves, which nothing else does: neither a suspension nor a role is an edit.
func (p *People) Edit(ctx context.Context, id uuid.UUID, match etag.Match, e edit) (users.Me, error) {
	if err := e.clean(); err != nil {
		return users.Me{}, err
	}
	admits := false
	err := p.change(ctx, id, func(ctx context.Context, u *user) error {
		if err := match.Check(u.Version); err != nil {
			return err
		}
		if err := p.rename(ctx, u, e.Handle); err != nil {
			return err
		}
		if err := p.changePicture(ctx, u.ID, &u.AvatarID, e.Avatar, "/body/avatar_upload_id"); err != nil {
			return err
		}
		if err := p.changePicture(ctx, u.ID, &u.CoverID, e.Cover, "/body/cover_upload_id"); err != nil {
			return err
		}
		u.Version++
		u.apply(e)
		if e.IsPrivate == nil || *e.IsPrivate == u.IsPrivate {
			return nil
		}
		admits = u.IsPrivate
		return p.openOrClose(ctx, u, *e.IsPrivate)
	})
	if err != nil {
		return users.Me{}, err
	}
	if admits { // who asked sees it at once, unless they are many
		_, _ = p.admitSome(ctx, id) // the task makes up for what fails here
	}
	return p.Me(ctx, id)
}

func (p *People) rename(ctx context.Context, u *user, handle *string) error {
	if handle == nil || *handle == u.Handle {
		return nil
	}
	now, err := p.store.now(ctx)
	if err != nil {
		return err
	}
	if err := p.store.retireHandle(ctx, u.ID, u.Handle, now.Add(handleKept)); err != nil {
		return err
	}
	free, err := p.store.claimHandle(ctx, u.ID, *handle)
	if err != nil {
		return err
	}
	if !free {
		return users.ErrHandleTaken
	}
	return u.rename(*handle, now)
}

func (p *People) changePicture(ctx context.Context, owner uuid.UUID, picture **uuid.UUID, change pictureEdit, pointer string) error {
	if !change.Set {
		return nil
	}
	if *picture != nil {
		if err := p.library.Release(ctx, []uuid.UUID{**picture}); err != nil {
			return err
		}
	}
	*picture = change.Upload
	if change.Upload == nil {
		return nil
	}
	err := p.library.Claim(ctx, uploads.Claim{
		Owner: owner, Uploads: []uuid.UUID{*change.Upload}, Audience: uploads.Everybody, Pointer: "/body",
	})
	if errors.Is(err, uploads.ErrNotUsable) { // the library speaks of lists
		return uploads.ErrNotUsable.At(pointer, "is not a ready, unused upload of yours").Because(err)
	}
	return err
}

// Suspend locks an account out until it is reinstated; by is the admin who wants it.
func (p *People) Suspend(ctx context.Context, id, by uuid.UUID) error {
	return p.change(ctx, id, func(ctx context.Context, u *user) error {
		if u.SuspendedAt != nil {
			return nil
		}
		now, err := p.store.now(ctx)
		if err != nil {
			return err
		}
		u.SuspendedAt = &now
		if err := p.sessions.RevokeAll(ctx, id, auth.Cause{By: by, Reason: "suspended"}); err != nil {
			return err
		}
		return p.outbox.Publish(ctx, users.Locked{UserID: id, Reason: "suspended"})
	})
}

// Reinstate takes a suspension back.
func (p *People) Reinstate(ctx context.Context, id uuid.UUID) error {
	return p.change(ctx, id, func(ctx context.Context, u *user) error {
		if u.SuspendedAt == nil {
			return nil
		}
		u.SuspendedAt = nil
		return p.returned(ctx, u)
	})
}

// SetRoles gives a person exactly these roles, besides being a user; by is the admin who wants it.
func (p *People) SetRoles(ctx context.Context, id uuid.UUID, wanted []string, by uuid.UUID) (users.Me, error) {
	err := p.change(ctx, id, func(ctx context.Context, u *user) error {
		return p.setRoles(ctx, u, slices.DeleteFunc(slices.Clone(wanted), func(r string) bool { return r == identity.RoleUser }), by)
	})
	if err != nil {
		return users.Me{}, err
	}
	return p.Me(ctx, id)
}

// Grant implements users.Accounts and users.Backoffice.
func (p *People) Grant(ctx context.Context, id uuid.UUID, role string) error {
	if role == identity.RoleUser {
		return nil
	}
	return p.change(ctx, id, func(ctx context.Context, u *user) error {
		return p.setRoles(ctx, u, append(slices.Clone(u.Roles), role), uuid.Nil)
	})
}

func (p *People) setRoles(ctx context.Context, u *user, wanted []string, by uuid.UUID) error {
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)
	if slices.Equal(wanted, u.Roles) {
		return nil
	}
	u.Roles = wanted
	if err := p.sessions.RolesChanged(ctx, u.ID, roles(u.Roles), by); err != nil {
		return err
	}
	now, err := p.store.now(ctx)
	if err != nil {
		return err
	}
	return p.outbox.Publish(ctx, users.RolesChanged{UserID: u.ID, Roles: roles(u.Roles), At: now})
}

// FindByEmail implements users.Backoffice.
func (p *People) FindByEmail(ctx context.Context, email string) ([]users.Account, error) {
	found, err := p.store.byEmail(ctx, strings.TrimSpace(email))
	accounts := make([]users.Account, 0, len(found))
	for _, u := range found {
		accounts = append(accounts, u.account())
	}
	return accounts, err
}

// Find implements users.Backoffice.
func (p *People) Find(ctx context.Context, id uuid.UUID) (users.Account, error) {
	u, err := p.store.find(ctx, id)
	if err != nil || u.Gone {
		return users.Account{}, orNotFound(err)
	}
	return u.account(), nil
}

// change locks a person, changes them and saves; what others know of them is dropped.
func (p *People) change(ctx context.Context, id uuid.UUID, fn func(ctx context.Context, u *user) error) error {
	return p.db.InTx(ctx, func(ctx context.Context) error {
		u, err := p.store.lock(ctx, id)
		if err != nil {
			return err
		}
		if err := fn(ctx, &u); err != nil {
			return err
		}
		p.db.AfterCommit(ctx, func(ctx context.Context) { p.directory.people.Drop(ctx, id) })
		return p.store.save(ctx, &u)
	})
}

// orNotFound is the error, or ErrNotFound where the person was found but is gone.
func orNotFound(err error) error {
	if err != nil {
		return err
	}
	return users.ErrNotFound
}
