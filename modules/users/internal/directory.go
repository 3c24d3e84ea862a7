package internal

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"atrium/modules/uploads"
	"atrium/modules/users"
	"atrium/platform/cache"
	"atrium/platform/database"
	"atrium/platform/httpserver"
	"atrium/platform/photo"
)

// card is what the cache keeps of a person; the avatar's URLs are the library's business.
type card struct {
	Handle      string     `json:"handle"`
	DisplayName string     `json:"display_name"`
	AvatarID    *uuid.UUID `json:"avatar_id,omitempty"`
	Private     bool       `json:"private,omitempty"`
	Gone        bool       `json:"gone,omitempty"` // or never was: then nothing else is set
}

// Directory is users.Directory.
type Directory struct {
	store     store
	library   uploads.Library
	documents []users.Document
	people    *cache.Space[uuid.UUID, card]
	circles   *cache.Space[uuid.UUID, circle]
	consents  *cache.Space[uuid.UUID, map[string][]string]
}

// NewDirectory makes the directory. {public_url} in the documents' URLs becomes publicURL.
func NewDirectory(cfg users.Config, db *database.DB, c *cache.Cache, library uploads.Library, publicURL string) *Directory {
	return &Directory{
		store: store{db}, library: library, documents: withURLs(withAge(cfg), publicURL),
		people:   cache.NewSpace[uuid.UUID, card](c, "users.card.2", 10*time.Minute, time.Minute, 20_000),
		circles:  cache.NewSpace[uuid.UUID, circle](c, "users.circle", 10*time.Minute, time.Minute, 20_000),
		consents: cache.NewSpace[uuid.UUID, map[string][]string](c, "users.consents", time.Hour, 10*time.Minute, 20_000),
	}
}

// Refs implements users.Directory.
func (d *Directory) Refs(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]users.Ref, error) {
	cards, err := d.people.LoadMany(ctx, ids, d.loadCards)
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

func (d *Directory) loadCards(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]card, error) {
	found, err := d.store.present(ctx, ids)
	cards := make(map[uuid.UUID]card, len(ids))
	for _, id := range ids {
		cards[id] = card{Gone: true}
	}
	for _, u := range found {
		cards[u.ID] = card{Handle: u.Handle, DisplayName: u.DisplayName, AvatarID: u.AvatarID, Private: u.IsPrivate}
	}
	return cards, err
}

// Resolve implements users.Directory.
func (d *Directory) Resolve(ctx context.Context, idOrHandle string) (uuid.UUID, error) {
	if id, err := uuid.Parse(idOrHandle); err == nil && len(idOrHandle) == 36 {
		return id, d.exists(ctx, id)
	}
	handle, err := parseHandle(idOrHandle)
	if err != nil {
		return uuid.Nil, users.ErrNotFound
	}
	found, err := d.store.byHandles(ctx, []string{handle})
	if err != nil {
		return uuid.Nil, err
	}
	id, ok := found[handle]
	if !ok {
		return uuid.Nil, users.ErrNotFound
	}
	return id, d.exists(ctx, id)
}

// exists returns ErrNotFound for whoever is gone or never was.
func (d *Directory) exists(ctx context.Context, id uuid.UUID) error {
	cards, err := d.people.LoadMany(ctx, []uuid.UUID{id}, d.loadCards)
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
	return d.store.byHandles(ctx, handles)
}

// Contacts implements users.Directory.
func (d *Directory) Contacts(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]users.Contact, error) {
	return d.store.contacts(ctx, ids)
}

// RequireConsents implements users.Directory.
func (d *Directory) RequireConsents(ctx context.Context, id uuid.UUID) error {
	agreed, err := d.agreed(ctx, id)
	if err != nil {
		return err
	}
	if waiting := pending(d.documents, agreed); len(waiting) > 0 {
		return users.ErrTermsRequired.Detail("pending_consents", waiting)
	}
	return nil
}

func (d *Directory) agreed(ctx context.Context, id uuid.UUID) (map[string][]string, error) {
	return d.consents.Load(ctx, id, func(ctx context.Context) (map[string][]string, error) { return d.store.consents(ctx, id) })
}

// pending are the current documents that were not agreed to.
func pending(documents []users.Document, agreed map[string][]string) []users.PendingConsent {
	waiting := []users.PendingConsent{}
	for _, doc := range documents {
		if !slices.Contains(agreed[doc.Name], doc.Version) {
			waiting = append(waiting, users.PendingConsent{Document: doc.Name, Version: doc.Version, URL: doc.URL})
		}
	}
	return waiting
}

// Bootstrap tells clients what people must agree to before they post.
func (d *Directory) Bootstrap() httpserver.Bootstrap {
	return httpserver.Bootstrap{Members: map[string]any{"consents": pending(d.documents, nil)}}
}

// dress adds the person in short and the pictures to their profile.
func (d *Directory) dress(ctx context.Context, u user, profile *users.User) error {
	photos, err := d.photos(ctx, u.pictures())
	profile.Ref = u.ref()
	profile.Avatar, profile.Cover = picture(photos, u.AvatarID), picture(photos, u.CoverID)
	return err
}

func (d *Directory) withAvatars(ctx context.Context, people []user) ([]users.Ref, error) {
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
		refs[i] = u.ref()
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
