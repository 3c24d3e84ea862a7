package user

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/uploads"
	"atrium/modules/users"
	"atrium/modules/users/internal/consent"
	"atrium/modules/users/internal/handle"
	"atrium/platform/cache"
	"atrium/platform/database"
	"atrium/platform/photo"
)

// Card is what the cache keeps of a person; the avatar's URLs are the library's business.
type Card struct {
	Handle      string     `json:"handle"`
	DisplayName string     `json:"display_name"`
	AvatarID    *uuid.UUID `json:"avatar_id,omitempty"`
	Private     bool       `json:"private,omitempty"`
	Gone        bool       `json:"gone,omitempty"` // or never was: then nothing else is set
}

// Directory looks people up, and is where they are changed, so that what is cached of them follows. Safe for concurrent use.
type Directory struct {
	db       *database.DB
	store    *Store
	library  uploads.Library
	consents *consent.Service
	cards    *cache.Space[uuid.UUID, Card]
}

func NewDirectory(db *database.DB, store *Store, c *cache.Cache, library uploads.Library, consents *consent.Service) *Directory {
	d := &Directory{db: db, store: store, library: library, consents: consents}
	d.cards = cache.NewSpace[uuid.UUID, Card](c, "users.card.2", cache.PermissionTTL, cache.PermissionTTL, 16*cache.MB).RenewBy(1000, d.loadCards)
	return d
}

// Update locks a person, has fn change them, and saves what it changed. What is cached of them is dropped when the transaction commits.
func (d *Directory) Update(ctx context.Context, id uuid.UUID, fn func(ctx context.Context, u *User) error) error {
	return d.db.InTx(ctx, func(ctx context.Context) error {
		u, err := d.store.Lock(ctx, id)
		if err != nil {
			return err
		}
		if err := fn(ctx, &u); err != nil {
			return err
		}
		d.Drop(ctx, id)
		return d.store.Save(ctx, &u)
	})
}

// Drop forgets what is cached of people after the transaction in ctx. Call it in whatever changes their rows.
func (d *Directory) Drop(ctx context.Context, ids ...uuid.UUID) { d.cards.DropAfterCommit(ctx, ids...) }

// Cards returns what decides how people show, from the cache. Every id has one.
func (d *Directory) Cards(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]Card, error) {
	return d.cards.LoadMany(ctx, ids, d.loadCards)
}

// Refs implements users.Directory.
func (d *Directory) Refs(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]users.Ref, error) {
	cards, err := d.Cards(ctx, ids)
	if err != nil {
		return nil, err
	}
	var avatars []uuid.UUID
	for _, c := range cards {
		if c.AvatarID != nil {
			avatars = append(avatars, *c.AvatarID)
		}
	}
	photos, err := d.photos(ctx, avatars)
	if err != nil {
		return nil, err
	}
	refs := make(map[uuid.UUID]users.Ref, len(cards))
	for id, c := range cards {
		if c.Gone {
			continue
		}
		refs[id] = users.Ref{ID: id, Handle: c.Handle, DisplayName: c.DisplayName, Avatar: picture(photos, c.AvatarID)}
	}
	return refs, nil
}

func (d *Directory) loadCards(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]Card, error) {
	found, err := d.store.FindExisting(ctx, ids)
	cards := make(map[uuid.UUID]Card, len(ids))
	for _, id := range ids {
		cards[id] = Card{Gone: true}
	}
	for _, u := range found {
		cards[u.ID] = Card{Handle: u.Handle, DisplayName: u.DisplayName, AvatarID: u.AvatarID, Private: u.IsPrivate}
	}
	return cards, err
}

// Resolve implements users.Directory.
func (d *Directory) Resolve(ctx context.Context, idOrHandle string) (uuid.UUID, error) {
	if id, err := uuid.Parse(idOrHandle); err == nil && len(idOrHandle) == 36 {
		return id, d.exists(ctx, id)
	}
	typed, err := handle.Parse(idOrHandle)
	if err != nil {
		return uuid.Nil, users.ErrNotFound
	}
	found, err := d.store.FindByHandles(ctx, []string{typed})
	if err != nil {
		return uuid.Nil, err
	}
	id, ok := found[typed]
	if !ok {
		return uuid.Nil, users.ErrNotFound
	}
	return id, d.exists(ctx, id)
}

// exists returns ErrNotFound for whoever is gone or never was.
func (d *Directory) exists(ctx context.Context, id uuid.UUID) error {
	cards, err := d.Cards(ctx, []uuid.UUID{id})
	if err == nil && cards[id].Gone {
		return users.ErrNotFound
	}
	return err
}

// ByHandles implements users.Directory.
func (d *Directory) ByHandles(ctx context.Context, handles []string) (map[string]uuid.UUID, error) {
	if len(handles) == 0 {
		return map[string]uuid.UUID{}, nil
	}
	return d.store.FindByHandles(ctx, handles)
}

// Contacts implements users.Directory.
func (d *Directory) Contacts(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]users.Contact, error) {
	return d.store.Contacts(ctx, ids)
}

// RequireConsents implements users.Directory.
func (d *Directory) RequireConsents(ctx context.Context, id uuid.UUID) error {
	return d.consents.Require(ctx, id)
}

// DefaultVisibility implements users.Directory.
func (d *Directory) DefaultVisibility(ctx context.Context, id uuid.UUID) (string, error) {
	return d.store.DefaultVisibility(ctx, id)
}

// Currency implements users.Directory.
func (d *Directory) Currency(ctx context.Context, id uuid.UUID) (string, error) {
	return d.store.Currency(ctx, id)
}

// HidePictures lets nobody open the pictures of a person whose account is being locked, in the transaction open in ctx.
func (d *Directory) HidePictures(ctx context.Context, u *User) error {
	return d.library.SetAudience(ctx, u.Pictures(), uploads.Some)
}

// ShowPictures shows them to everybody again, in the transaction open in ctx.
func (d *Directory) ShowPictures(ctx context.Context, u *User) error {
	return d.library.SetAudience(ctx, u.Pictures(), uploads.Everybody)
}

// AddPictures fills in the avatar and the cover of a person's profile.
func (d *Directory) AddPictures(ctx context.Context, u User, profile *users.User) error {
	photos, err := d.photos(ctx, u.Pictures())
	profile.Avatar, profile.Cover = picture(photos, u.AvatarID), picture(photos, u.CoverID)
	return err
}

// RefsOf returns people who were read already in short, with their avatars, in the same order.
func (d *Directory) RefsOf(ctx context.Context, people []User) ([]users.Ref, error) {
	var avatars []uuid.UUID
	for _, u := range people {
		if u.AvatarID != nil {
			avatars = append(avatars, *u.AvatarID)
		}
	}
	photos, err := d.photos(ctx, avatars)
	if err != nil {
		return nil, err
	}
	refs := make([]users.Ref, len(people))
	for i, u := range people {
		refs[i] = u.Ref()
		refs[i].Avatar = picture(photos, u.AvatarID)
	}
	return refs, nil
}

func (d *Directory) photos(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]photo.Photo, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return d.library.Photos(ctx, ids)
}

func picture(photos map[uuid.UUID]photo.Photo, id *uuid.UUID) *photo.Photo {
	if id == nil {
		return nil
	}
	found, ok := photos[*id]
	if !ok {
		return nil
	}
	brief := found.Brief()
	return &brief
}
