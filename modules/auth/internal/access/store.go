package access

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/auth"
	"atrium/platform/database"
)

// store keeps signing keys and revocations, and confirms the tokens of sessions.
type store struct{ db *database.DB }

// signingKey is a key at rest; Sealed is its seed, encrypted under the master key.
type signingKey struct {
	Kid      string `gorm:"primaryKey"`
	Public   []byte
	Sealed   []byte
	ActiveAt time.Time
}

// TableName names the table, which the entity is not called after.
func (signingKey) TableName() string { return "signing_keys" }

// lockKeys serialises changes of the key set across instances and returns the newest key, or nil where there is none.
func (s store) lockKeys(ctx context.Context) (*signingKey, error) {
	if err := s.db.Conn(ctx).Exec("SELECT pg_advisory_xact_lock(hashtext('atrium.auth.signing_keys'))").Error; err != nil {
		return nil, err
	}
	var newest []signingKey
	err := s.db.Conn(ctx).Order("active_at DESC").Limit(1).Find(&newest).Error
	if err != nil || len(newest) == 0 {
		return nil, err
	}
	return &newest[0], nil
}

func (s store) keys(ctx context.Context) (all []signingKey, err error) {
	err = s.db.Conn(ctx).Find(&all).Error
	return all, err
}

func (s store) insertKey(ctx context.Context, k signingKey) error {
	return s.db.Conn(ctx).Create(&k).Error
}

// saveSealed writes the seed of a key, sealed anew.
func (s store) saveSealed(ctx context.Context, kid string, sealed []byte) error {
	return s.db.Conn(ctx).Model(&signingKey{}).Where("kid = ?", kid).Update("sealed", sealed).Error
}

func (s store) deleteKey(ctx context.Context, kid string) error {
	done := s.db.Conn(ctx).Delete(&signingKey{}, "kid = ?", kid)
	if done.Error == nil && done.RowsAffected == 0 {
		return auth.ErrKeyNotFound
	}
	return done.Error
}

// deleteOldKeys deletes the keys whose successor was already active at that time.
func (s store) deleteOldKeys(ctx context.Context, at time.Time) error {
	return s.db.Conn(ctx).Exec(`DELETE FROM signing_keys old WHERE EXISTS (
		SELECT 1 FROM signing_keys next WHERE next.active_at > old.active_at AND next.active_at < ?)`, at).Error
}

func (s store) insertRevocations(ctx context.Context, added []revocation) error {
	ids := make([]uuid.UUID, len(added))
	for i, a := range added {
		ids[i] = a.SessionID
	}
	return s.db.Conn(ctx).Exec(`
		INSERT INTO revocations AS r (session_id, before, expires_at) SELECT id, ?::timestamptz, ?::timestamptz FROM unnest(?::uuid[]) AS id ORDER BY id
		ON CONFLICT ON CONSTRAINT revocations_pkey DO UPDATE SET before = greatest(r.before, EXCLUDED.before),
			expires_at = greatest(r.expires_at, EXCLUDED.expires_at), noted_at = EXCLUDED.noted_at`,
		added[0].Before, added[0].ExpiresAt, database.Array(ids)).Error
}

// revocations returns those written since, and the database's time before they were read.
func (s store) revocations(ctx context.Context, since time.Time) (rows []revocation, now time.Time, err error) {
	var found []struct {
		Now   time.Time // the statement came before it looked
		Noted bool
		Row   revocation `gorm:"embedded"`
	}
	err = s.db.Conn(ctx).Raw(`
		SELECT statement_timestamp() AS now, r.session_id IS NOT NULL AS noted, r.session_id, r.before, r.expires_at
		FROM (SELECT) AS one LEFT JOIN revocations r ON r.noted_at > ?`, since).Scan(&found).Error
	for _, row := range found {
		now = row.Now
		if row.Noted {
			rows = append(rows, row.Row)
		}
	}
	return rows, now, err
}

// confirm writes that tokens of these generations were seen.
func (s store) confirm(ctx context.Context, seen map[uuid.UUID]int64) error {
	ids, generations := make([]uuid.UUID, 0, len(seen)), make([]int64, 0, len(seen))
	for id, generation := range seen {
		ids, generations = append(ids, id), append(generations, generation)
	}
	return s.db.Conn(ctx).Exec(`
		WITH seen AS (
			SELECT s.id, v.generation FROM sessions s JOIN unnest(?::uuid[], ?::bigint[]) AS v (id, generation) ON s.id = v.id
			ORDER BY s.id FOR UPDATE OF s)
		UPDATE sessions s SET confirmed = s.confirmed OR s.generation = seen.generation, last_seen_at = greatest(s.last_seen_at, now())
		FROM seen WHERE s.id = seen.id`, database.Array(ids), database.Array(generations)).Error
}
