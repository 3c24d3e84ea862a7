package access

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/platform/database"
)

// store keeps keys and revocations.
type store struct{ db *database.DB }

var faults = database.Faults{}

// signingKey is a key at rest; Sealed is the seed under the master key.
type signingKey struct {
	Kid      string `gorm:"primaryKey"`
	Public   []byte
	Sealed   []byte
	ActiveAt time.Time
}

// TableName is signing_keys.
func (signingKey) TableName() string { return "signing_keys" }

// lockKeys lets one instance at a time decide about keys, and returns the newest, or nil.
func (s store) lockKeys(ctx context.Context) (*signingKey, error) {
	if err := s.db.Conn(ctx).Exec("SELECT pg_advisory_xact_lock(hashtext('atrium.auth.signing_keys'))").Error; err != nil {
		return nil, faults.Translate(err, nil)
	}
	var newest []signingKey
	err := s.db.Conn(ctx).Order("active_at DESC").Limit(1).Find(&newest).Error
	if err != nil || len(newest) == 0 {
		return nil, faults.Translate(err, nil)
	}
	return &newest[0], nil
}

func (s store) keys(ctx context.Context) (all []signingKey, err error) {
	err = s.db.Conn(ctx).Find(&all).Error
	return all, faults.Translate(err, nil)
}

func (s store) insertKey(ctx context.Context, k signingKey) error {
	return faults.Translate(s.db.Conn(ctx).Create(&k).Error, nil)
}

// forgetKeys deletes keys whose successor was active already at the time given.
func (s store) forgetKeys(ctx context.Context, at time.Time) error {
	err := s.db.Conn(ctx).Exec(`DELETE FROM signing_keys old WHERE EXISTS (
		SELECT 1 FROM signing_keys next WHERE next.active_at > old.active_at AND next.active_at < ?)`, at).Error
	return faults.Translate(err, nil)
}

func (s store) insertRevocations(ctx context.Context, added []revocation) error {
	ids := make([]uuid.UUID, len(added))
	for i, a := range added {
		ids[i] = a.SessionID
	}
	err := s.db.Conn(ctx).Exec(`
		INSERT INTO revocations AS r (session_id, before, expires_at) SELECT id, ?::timestamptz, ?::timestamptz FROM unnest(?::uuid[]) AS id ORDER BY id
		ON CONFLICT ON CONSTRAINT revocations_pkey DO UPDATE SET before = greatest(r.before, EXCLUDED.before),
			expires_at = greatest(r.expires_at, EXCLUDED.expires_at), noted_at = EXCLUDED.noted_at`,
		added[0].Before, added[0].ExpiresAt, database.Array(ids)).Error
	return faults.Translate(err, nil)
}

// revocations are those noted since, and the database's time.
func (s store) revocations(ctx context.Context, since time.Time) (rows []revocation, now time.Time, err error) {
	if err = s.db.Conn(ctx).Raw("SELECT clock_timestamp()").Scan(&now).Error; err != nil {
		return nil, now, faults.Translate(err, nil)
	}
	err = s.db.Conn(ctx).Raw(`SELECT session_id, before, expires_at FROM revocations WHERE noted_at > ?`, since).Scan(&rows).Error
	return rows, now, faults.Translate(err, nil)
}

// confirm notes that tokens of these generations were seen.
func (s store) confirm(ctx context.Context, seen map[uuid.UUID]int64) error {
	ids, generations := make([]uuid.UUID, 0, len(seen)), make([]int64, 0, len(seen))
	for id, generation := range seen {
		ids, generations = append(ids, id), append(generations, generation)
	}
	err := s.db.Conn(ctx).Exec(`
		WITH seen AS (
			SELECT s.id, v.generation FROM sessions s JOIN unnest(?::uuid[], ?::bigint[]) AS v (id, generation) ON s.id = v.id
			ORDER BY s.id FOR UPDATE OF s)
		UPDATE sessions s SET confirmed = s.confirmed OR s.generation = seen.generation, last_seen_at = greatest(s.last_seen_at, now())
		FROM seen WHERE s.id = seen.id`, database.Array(ids), database.Array(generations)).Error
	return faults.Translate(err, nil)
}
