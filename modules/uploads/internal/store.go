package internal

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"atrium/modules/uploads"
	"atrium/modules/uploads/internal/darkroom"
	"atrium/platform/database"
	"atrium/platform/photo"
)

// Store keeps uploads in PostgreSQL. Every change of state is one conditional UPDATE: who loses a race changes nothing.
type Store struct{ db *database.DB }

// NewStore makes a Store.
func NewStore(db *database.DB) *Store { return &Store{db: db} }

func (s *Store) insert(ctx context.Context, u *Upload) error {
	return wrap(s.db.Conn(ctx).Create(u).Error)
}

// find returns an upload, or uploads.ErrNotFound.
func (s *Store) find(ctx context.Context, id uuid.UUID) (*Upload, error) {
	var u Upload
	err := s.db.Conn(ctx).Where("id = ?", id).Take(&u).Error
	return &u, database.Faults{}.Translate(err, uploads.ErrNotFound)
}

// ofOwner returns an upload of the owner that is not given up, or uploads.ErrNotFound.
func (s *Store) ofOwner(ctx context.Context, owner, id uuid.UUID) (*Upload, error) {
	var u Upload
	err := s.db.Conn(ctx).Where("id = ? AND owner_id = ? AND released_at IS NULL", id, owner).Take(&u).Error
	return &u, database.Faults{}.Translate(err, uploads.ErrNotFound)
}

// byQuarantineKey returns the upload that a file in quarantine belongs to, or uploads.ErrNotFound.
func (s *Store) byQuarantineKey(ctx context.Context, key string) (*Upload, error) {
	var u Upload
	err := s.db.Conn(ctx).Where("quarantine_key = ? AND released_at IS NULL", key).Take(&u).Error
	return &u, database.Faults{}.Translate(err, uploads.ErrNotFound)
}

// process moves a pending upload on, and reports whether it was this call that did.
func (s *Store) process(ctx context.Context, id uuid.UUID, width, height int) (bool, error) {
	return s.changed(ctx, `UPDATE uploads SET status = 'processing', width = ?, height = ?
		WHERE id = ? AND status = 'pending' AND released_at IS NULL`, width, height, id)
}

// fail ends an upload that is not ready, and reports whether it was this call that did.
func (s *Store) fail(ctx context.Context, id uuid.UUID, reason string) (bool, error) {
	return s.changed(ctx, `UPDATE uploads SET status = 'failed', reason = ?, ended_at = now()
		WHERE id = ? AND status IN ('pending', 'processing')`, reason, id)
}

// beginTry counts a decoding before it begins, so that one that kills the worker counts as well.
func (s *Store) beginTry(ctx context.Context, id uuid.UUID) (tries int, err error) {
	err = s.db.Conn(ctx).Raw(`UPDATE uploads SET tries = tries + 1 WHERE id = ? RETURNING tries`, id).Scan(&tries).Error
	return tries, wrap(err)
}

// forgiveTry takes a try back that the picture got through, or is not to blame for.
func (s *Store) forgiveTry(ctx context.Context, id uuid.UUID) error {
	_, err := s.changed(ctx, `UPDATE uploads SET tries = tries - 1 WHERE id = ? AND tries > 0`, id)
	return err
}

// finish makes an upload a photo, and reports whether it was this call that did.
func (s *Store) finish(ctx context.Context, u *Upload, p darkroom.Print) (bool, error) {
	width, height := u.upright(p)
	return s.changed(ctx, `UPDATE uploads SET status = 'ready', width = ?, height = ?, blurhash = ?, palette = ?, sizes = ?, ended_at = now()
		WHERE id = ? AND status = 'processing' AND released_at IS NULL`,
		width, height, p.Blurhash, inJSON(p.Palette), inJSON(p.Sizes), u.ID)
}

// all returns the uploads with these ids; those that are gone are absent.
func (s *Store) all(ctx context.Context, ids []uuid.UUID) (rows []*Upload, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT * FROM uploads WHERE id = ANY(?)`, database.Array(ids)).Scan(&rows).Error
	return rows, wrap(err)
}

// lock returns the uploads with these ids, locked in one order for all, so that two claims never wait for each other.
func (s *Store) lock(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]*Upload, error) {
	var rows []*Upload
	err := s.db.Conn(ctx).Raw(`SELECT * FROM uploads WHERE id = ANY(?) ORDER BY id FOR UPDATE`, database.Array(ids)).Scan(&rows).Error
	found := make(map[uuid.UUID]*Upload, len(rows))
	for _, u := range rows {
		found[u.ID] = u
	}
	return found, wrap(err)
}

// use marks locked photos as used. alts is nil or as long as ids.
func (s *Store) use(ctx context.Context, ids []uuid.UUID, alts []string, audience uploads.Audience) error {
	if alts == nil {
		_, err := s.changed(ctx, `UPDATE uploads SET used_at = now(), audience = ? WHERE id = ANY(?)`, audience, database.Array(ids))
		return err
	}
	_, err := s.changed(ctx, `UPDATE uploads u SET used_at = now(), audience = ?, alt = given.alt
		FROM unnest(?::uuid[], ?::text[]) AS given(id, alt) WHERE u.id = given.id`, audience, database.Array(ids), database.Array(alts))
	return err
}

// setAudience changes who may see photos, and forgets their copies for everybody.
func (s *Store) setAudience(ctx context.Context, ids []uuid.UUID, audience uploads.Audience) error {
	_, err := s.changed(ctx, `UPDATE uploads SET audience = ?, public_key = '' WHERE id = ANY(?)`, audience, database.Array(ids))
	return err
}

// publish notes where the copies for everybody are, but of photos that everybody may not see any more and of those that have
// others. It returns the ids of those that it has noted.
func (s *Store) publish(ctx context.Context, copies []PublicCopy) (published []uuid.UUID, err error) {
	ids, keys := make([]uuid.UUID, len(copies)), make([]string, len(copies))
	for i, c := range copies {
		ids[i], keys[i] = c.UploadID, c.PublicKey
	}
	err = s.db.Conn(ctx).Raw(`UPDATE uploads u SET public_key = given.key
		FROM unnest(?::uuid[], ?::text[]) AS given(id, key)
		WHERE u.id = given.id AND audience = 'everybody' AND released_at IS NULL AND public_key IN ('', given.key)
		RETURNING u.id`, database.Array(ids), database.Array(keys)).Scan(&published).Error
	return published, wrap(err)
}

// release gives uploads up and returns the ids of those that were not given up before.
func (s *Store) release(ctx context.Context, ids []uuid.UUID) (released []uuid.UUID, err error) {
	err = s.db.Conn(ctx).Raw(`UPDATE uploads SET released_at = now() WHERE id = ANY(?) AND released_at IS NULL RETURNING id`,
		database.Array(ids)).Scan(&released).Error
	return released, wrap(err)
}

// releaseOwner gives up everything of one person, and returns the ids of it.
func (s *Store) releaseOwner(ctx context.Context, owner uuid.UUID) (released []uuid.UUID, err error) {
	err = s.db.Conn(ctx).Raw(`UPDATE uploads SET released_at = now() WHERE owner_id = ? AND released_at IS NULL RETURNING id`,
		owner).Scan(&released).Error
	return released, wrap(err)
}

// stale gives up what nobody uses for as long as orphans says, and returns at most limit of these and of those that were given up
// before and are still there. Failed uploads wait as long: until it expires, their signed PUT may bring the object back.
func (s *Store) stale(ctx context.Context, orphans time.Duration, limit int) (rows []*Upload, err error) {
	err = s.db.Conn(ctx).Raw(`UPDATE uploads SET released_at = coalesce(released_at, now())
		WHERE id IN (
			SELECT id FROM uploads WHERE released_at < now() - interval '1 minute'
			UNION
			SELECT id FROM uploads WHERE used_at IS NULL AND created_at < now() - make_interval(secs => @orphans)
				AND coalesce(ended_at, created_at) < now() - make_interval(secs => @orphans)
			LIMIT @limit)
		AND (released_at IS NOT NULL OR used_at IS NULL) -- again: a claim may have come first
		RETURNING *`, map[string]any{"orphans": orphans.Seconds(), "limit": limit}).Scan(&rows).Error
	return rows, wrap(err)
}

// remove ends the life of uploads that were given up.
func (s *Store) remove(ctx context.Context, ids []uuid.UUID) error {
	_, err := s.changed(ctx, `DELETE FROM uploads WHERE id = ANY(?) AND released_at IS NOT NULL`, database.Array(ids))
	return err
}

func (s *Store) insertImport(ctx context.Context, i Import) error {
	return wrap(s.db.Conn(ctx).Omit("CreatedAt").Create(&i).Error)
}

// findImport returns an import that has not come to its end, or uploads.ErrNotFound.
func (s *Store) findImport(ctx context.Context, id uuid.UUID) (*Import, error) {
	var i Import
	err := s.db.Conn(ctx).Where("upload_id = ?", id).Take(&i).Error
	return &i, database.Faults{}.Translate(err, uploads.ErrNotFound)
}

// lockImport keeps an import from being given up until the transaction ends, and reports whether it is there.
func (s *Store) lockImport(ctx context.Context, id uuid.UUID) (found bool, err error) {
	var ids []uuid.UUID
	err = s.db.Conn(ctx).Raw(`SELECT upload_id FROM upload_imports WHERE upload_id = ? FOR UPDATE`, id).Scan(&ids).Error
	return len(ids) > 0, wrap(err)
}

// adopt ends an import whose photo is there, and reports whether there was one.
func (s *Store) adopt(ctx context.Context, id uuid.UUID) (bool, error) {
	return s.changed(ctx, `DELETE FROM upload_imports WHERE upload_id = ?`, id)
}

// forgetImports ends imports that lead to nothing.
func (s *Store) forgetImports(ctx context.Context, ids []uuid.UUID) error {
	_, err := s.changed(ctx, `DELETE FROM upload_imports WHERE upload_id = ANY(?)`, database.Array(ids))
	return err
}

// forgetImportsOf ends all imports of one person.
func (s *Store) forgetImportsOf(ctx context.Context, owner uuid.UUID) error {
	_, err := s.changed(ctx, `DELETE FROM upload_imports WHERE owner_id = ?`, owner)
	return err
}

// forgetOldImports ends imports that nothing has come of for so long.
func (s *Store) forgetOldImports(ctx context.Context, age time.Duration) error {
	_, err := s.changed(ctx, `DELETE FROM upload_imports WHERE created_at < now() - make_interval(secs => ?)`, age.Seconds())
	return err
}

// likeness is what the cache keeps of a photo: everything but the signature.
type likeness struct {
	Photo     photo.Photo `json:"photo"`
	PhotoKey  string      `json:"photo_key"`
	PublicKey string      `json:"public_key"`
}

// likenesses reads photos that can be shown.
func (s *Store) likenesses(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]likeness, error) {
	var rows []*Upload
	err := s.db.Conn(ctx).Raw(`SELECT id, width, height, alt, blurhash, palette, sizes, photo_key, public_key
		FROM uploads WHERE id = ANY(?) AND status = 'ready' AND released_at IS NULL`, database.Array(ids)).Scan(&rows).Error
	found := make(map[uuid.UUID]likeness, len(rows))
	for _, u := range rows {
		found[u.ID] = u.likeness()
	}
	return found, wrap(err)
}

func (s *Store) changed(ctx context.Context, query string, args ...any) (bool, error) {
	done := s.db.Conn(ctx).Exec(query, args...)
	return done.RowsAffected > 0, wrap(done.Error)
}

// inJSON writes a list for a jsonb column.
func inJSON[T any](list []T) string {
	b, err := json.Marshal(list)
	if err != nil {
		panic("uploads: " + err.Error()) // swatches and numbers always can be written
	}
	return string(b)
}

func wrap(err error) error {
	if err != nil {
		return fmt.Errorf("uploads: %w", err)
	}
	return nil
}

// originals are some of a person's photos, in the order of their ids, after the one given.
func (s *Store) originals(ctx context.Context, owner, after uuid.UUID) (page []Upload, err error) {
	err = s.db.Conn(ctx).Where("owner_id = ? AND id > ? AND status = ? AND released_at IS NULL", owner, after, ready).
		Order("id").Limit(100).Find(&page).Error
	if err != nil {
		return nil, fmt.Errorf("uploads: read a person's photos: %w", err)
	}
	return page, nil
}
