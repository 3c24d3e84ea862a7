package library

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/uploads"
	"atrium/modules/uploads/internal/upload"
	"atrium/platform/database"
	"atrium/platform/photo"
)

// Store has the statements about photos that are in use.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db} }

// lock returns the uploads with these ids, locked in one order for all, so that two claims never wait for each other.
func (s *Store) lock(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]*upload.Upload, error) {
	var rows []*upload.Upload
	err := s.db.Conn(ctx).Raw(`SELECT * FROM uploads WHERE id = ANY(?) ORDER BY id FOR UPDATE`, database.Array(ids)).Scan(&rows).Error
	found := make(map[uuid.UUID]*upload.Upload, len(rows))
	for _, u := range rows {
		found[u.ID] = u
	}
	return found, err
}

// claim marks locked photos as used. alts is nil or as long as ids.
func (s *Store) claim(ctx context.Context, ids []uuid.UUID, alts []string, audience uploads.Audience) error {
	if alts == nil {
		return s.db.Conn(ctx).Exec(`UPDATE uploads SET used_at = now(), audience = ? WHERE id = ANY(?)`, audience, database.Array(ids)).Error
	}
	return s.db.Conn(ctx).Exec(`UPDATE uploads u SET used_at = now(), audience = ?, alt = given.alt
		FROM unnest(?::uuid[], ?::text[]) AS given(id, alt) WHERE u.id = given.id`, audience, database.Array(ids), database.Array(alts)).Error
}

// setAudience changes who may see photos, and forgets their copies for everybody.
func (s *Store) setAudience(ctx context.Context, ids []uuid.UUID, audience uploads.Audience) error {
	return s.db.Conn(ctx).Exec(`UPDATE uploads SET audience = ?, public_key = '' WHERE id = ANY(?)`, audience, database.Array(ids)).Error
}

// publish notes where the copies for everybody are, except for photos that not everybody may see any more and for those that have
// other copies. It returns the ids of those that it has noted.
func (s *Store) publish(ctx context.Context, copies []PublicCopy) (published []uuid.UUID, err error) {
	ids, keys := make([]uuid.UUID, len(copies)), make([]string, len(copies))
	for i, c := range copies {
		ids[i], keys[i] = c.UploadID, c.PublicKey
	}
	err = s.db.Conn(ctx).Raw(`UPDATE uploads u SET public_key = given.key
		FROM unnest(?::uuid[], ?::text[]) AS given(id, key)
		WHERE u.id = given.id AND audience = 'everybody' AND released_at IS NULL AND public_key IN ('', given.key)
		RETURNING u.id`, database.Array(ids), database.Array(keys)).Scan(&published).Error
	return published, err
}

// release marks uploads as released and returns the ids of those that were not released before.
func (s *Store) release(ctx context.Context, ids []uuid.UUID) (released []uuid.UUID, err error) {
	err = s.db.Conn(ctx).Raw(`UPDATE uploads SET released_at = now() WHERE id = ANY(?) AND released_at IS NULL RETURNING id`,
		database.Array(ids)).Scan(&released).Error
	return released, err
}

// releaseOwner marks everything of one person as released, and returns the ids of it.
func (s *Store) releaseOwner(ctx context.Context, owner uuid.UUID) (released []uuid.UUID, err error) {
	err = s.db.Conn(ctx).Raw(`UPDATE uploads SET released_at = now() WHERE owner_id = ? AND released_at IS NULL RETURNING id`,
		owner).Scan(&released).Error
	return released, err
}

// unsignedPhoto is what the cache keeps of a photo: everything but the URLs, whose signatures expire.
type unsignedPhoto struct {
	Photo     photo.Photo `json:"photo"`
	PhotoKey  string      `json:"photo_key"`
	PublicKey string      `json:"public_key"`
}

// unsigned is the part of an upload that clients see.
func unsigned(u *upload.Upload) unsignedPhoto {
	p := unsignedPhoto{PhotoKey: u.PhotoKey, PublicKey: u.PublicKey, Photo: photo.Photo{
		ID: u.ID, Width: u.Width, Height: u.Height, Alt: u.Alt, Blurhash: u.Blurhash, Palette: u.Palette, Sizes: u.Sizes,
	}}
	if len(u.Palette) > 0 {
		p.Photo.DominantColor = u.Palette[0].Color
	}
	return p
}

// photos reads photos that can be shown.
func (s *Store) photos(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]unsignedPhoto, error) {
	var rows []*upload.Upload
	err := s.db.Conn(ctx).Raw(`SELECT id, width, height, alt, blurhash, palette, sizes, photo_key, public_key
		FROM uploads WHERE id = ANY(?) AND status = 'ready' AND released_at IS NULL`, database.Array(ids)).Scan(&rows).Error
	found := make(map[uuid.UUID]unsignedPhoto, len(rows))
	for _, u := range rows {
		found[u.ID] = unsigned(u)
	}
	return found, err
}

// originals returns up to 100 of a person's photos with ids after the one given, in the order of their ids.
func (s *Store) originals(ctx context.Context, owner, after uuid.UUID) (page []upload.Upload, err error) {
	err = s.db.Conn(ctx).Where("owner_id = ? AND id > ? AND status = ? AND released_at IS NULL", owner, after, upload.Ready).
		Order("id").Limit(100).Find(&page).Error
	return page, err
}
