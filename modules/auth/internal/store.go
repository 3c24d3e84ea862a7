package internal

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"

	"atrium/modules/auth"
	"atrium/platform/database"
)

// store keeps sessions, identities and what is used once.
type store struct{ db *database.DB }

var faults = database.Faults{}

func (s store) insertNonce(ctx context.Context, n nonce) error {
	return faults.Translate(s.db.Conn(ctx).Create(&n).Error, nil)
}

// useNonce takes the nonce with one of the hashes away and reports whether it was there and in time.
func (s store) useNonce(ctx context.Context, hashes [][]byte, now time.Time) (bool, error) {
	done := s.db.Conn(ctx).Exec("DELETE FROM nonces WHERE hash = ANY(?) AND expires_at > ?", database.Array(hashes), now)
	return done.RowsAffected == 1, faults.Translate(done.Error, nil)
}

func (s store) insertStep(ctx context.Context, st step) error {
	return faults.Translate(s.db.Conn(ctx).Create(&st).Error, nil)
}

// takeStep takes a step away, so that it is used once, or returns missing.
func (s store) takeStep(ctx context.Context, kind string, hash []byte, now time.Time, missing error) (step, error) {
	var taken []step
	err := s.db.Conn(ctx).Clauses(clause.Returning{}).
		Where("hash = ? AND kind = ? AND expires_at > ?", hash, kind, now).Delete(&taken).Error
	if err != nil || len(taken) == 1 {
		return append(taken, step{})[0], faults.Translate(err, nil)
	}
	return step{}, missing
}

// identity finds whose a provider's account is; nil: nobody's.
func (s store) identity(ctx context.Context, provider, subject string) (*known, error) {
	var found []known
	err := s.db.Conn(ctx).Limit(1).Find(&found, "provider = ? AND subject = ?", provider, subject).Error
	if err != nil || len(found) == 0 {
		return nil, faults.Translate(err, nil)
	}
	return &found[0], nil
}

// insertIdentity reports false where somebody else was faster.
func (s store) insertIdentity(ctx context.Context, k *known) (bool, error) {
	done := s.db.Conn(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(k)
	return done.RowsAffected == 1, faults.Translate(done.Error, nil)
}

// keepToken notes the newest token that we hold of somebody at a provider, unless the account was taken from them meanwhile.
func (s store) keepToken(ctx context.Context, k *known) error {
	err := s.db.Conn(ctx).Model(&known{}).Where("id = ? AND user_id = ?", k.ID, k.UserID).
		Updates(map[string]any{"provider_token": k.ProviderToken, "provider_client": k.ProviderClient}).Error
	return faults.Translate(err, nil)
}

// saveIdentity writes an identity that is locked.
func (s store) saveIdentity(ctx context.Context, k *known) error {
	return faults.Translate(s.db.Conn(ctx).Save(k).Error, nil)
}

func (s store) identityByID(ctx context.Context, id uuid.UUID) (k known, err error) {
	err = s.db.Conn(ctx).Take(&k, "id = ?", id).Error
	return k, faults.Translate(err, auth.ErrIdentityNotFound)
}

func (s store) identities(ctx context.Context, user uuid.UUID) (all []known, err error) {
	err = s.db.Conn(ctx).Order("created_at, id").Find(&all, "user_id = ?", user).Error
	return all, faults.Translate(err, nil)
}

// lockIdentities keeps two deletions from each taking the last but one.
func (s store) lockIdentities(ctx context.Context, user uuid.UUID) (all []known, err error) {
	err = s.db.Conn(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Order("id").Find(&all, "user_id = ?", user).Error
	return all, faults.Translate(err, nil)
}

func (s store) deleteIdentity(ctx context.Context, id uuid.UUID) error {
	return faults.Translate(s.db.Conn(ctx).Delete(&known{}, "id = ?", id).Error, nil)
}

func (s store) insertSession(ctx context.Context, se *session) error {
	return faults.Translate(s.db.Conn(ctx).Create(se).Error, nil)
}

func (s store) session(ctx context.Context, id uuid.UUID) (se session, err error) {
	err = s.db.Conn(ctx).Take(&se, "id = ?", id).Error
	return se, faults.Translate(err, auth.ErrSessionNotFound)
}

func (s store) lockSession(ctx context.Context, id uuid.UUID) (se session, err error) {
	err = s.db.Conn(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Take(&se, "id = ?", id).Error
	return se, faults.Translate(err, auth.ErrSessionNotFound)
}

func (s store) saveSession(ctx context.Context, se *session) error {
	return faults.Translate(s.db.Conn(ctx).Save(se).Error, nil)
}

func (s store) byCookie(ctx context.Context, hash []byte) (se session, err error) {
	err = s.db.Conn(ctx).Take(&se, "cookie_hash = ?", hash).Error
	return se, faults.Translate(err, auth.ErrInvalidToken)
}

// living are the sessions of a user that can still be used, the newest first.
func (s store) living(ctx context.Context, user uuid.UUID, now time.Time) (all []session, err error) {
	err = s.db.Conn(ctx).Order("signed_in_at DESC, id DESC").Find(&all, "user_id = ? AND ended_at IS NULL AND expires_at > ?", user, now).Error
	return all, faults.Translate(err, nil)
}

// lockLiving locks a user's sessions that have not ended, in the order of their ids.
func (s store) lockLiving(ctx context.Context, user uuid.UUID) (all []session, err error) {
	err = s.db.Conn(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Order("id").Find(&all, "user_id = ? AND ended_at IS NULL", user).Error
	return all, faults.Translate(err, nil)
}

// acquainted says whether the user was signed in before, and whether on this installation.
func (s store) acquainted(ctx context.Context, user uuid.UUID, installation string) (ever, here bool, err error) {
	var found struct{ Ever, Here bool }
	err = s.db.Conn(ctx).Raw(`SELECT count(*) > 0 AS ever, coalesce(bool_or(installation_id = ?), false) AS here
		FROM sessions WHERE user_id = ? AND kind = 'app'`, installation, user).Scan(&found).Error
	return found.Ever, found.Here, faults.Translate(err, nil)
}

// log writes a line of the audit log.
func (s store) log(ctx context.Context, e entry) error {
	e.ID = uuid.Must(uuid.NewV7())
	return faults.Translate(s.db.Conn(ctx).Create(&e).Error, nil)
}

// pruneBatch is how many rows one statement deletes: few enough to be quick.
const pruneBatch = 5000

// prune deletes the rows of a table that meet the condition, a batch at a time.
func (s store) prune(ctx context.Context, table, condition string, args ...any) error {
	statement := "DELETE FROM " + table + " WHERE ctid = ANY(ARRAY(SELECT ctid FROM " + table + " WHERE " + condition + " LIMIT ?))"
	for {
		done := s.db.Conn(ctx).Exec(statement, append(args, pruneBatch)...)
		if done.Error != nil || done.RowsAffected < pruneBatch {
			return faults.Translate(done.Error, nil)
		}
	}
}

// entries are lines of the audit log, the newest first, older than the one given (uuid.Nil: from the newest).
func (s store) entries(ctx context.Context, f auditFilter, before uuid.UUID, limit int) (found []entry, err error) {
	query := s.db.Conn(ctx).Order("id DESC").Limit(limit)
	if f.User != uuid.Nil {
		query = query.Where("user_id = ?", f.User)
	}
	if f.Event != "" {
		query = query.Where("event = ?", f.Event)
	}
	if before != uuid.Nil {
		query = query.Where("id < ?", before)
	}
	err = query.Find(&found).Error
	return found, faults.Translate(err, nil)
}

// hear reports whether a notice of a provider is heard for the first time.
func (s store) hear(ctx context.Context, provider, notice string, now time.Time) (bool, error) {
	done := s.db.Conn(ctx).Exec("INSERT INTO provider_notices (provider, notice, heard_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", provider, notice, now)
	return done.RowsAffected == 1, faults.Translate(done.Error, nil)
}

// lockIdentity finds whose a provider's account is and keeps it so; nil: nobody's.
func (s store) lockIdentity(ctx context.Context, provider, subject string) (*known, error) {
	var found []known
	err := s.db.Conn(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Find(&found, "provider = ? AND subject = ?", provider, subject).Error
	if err != nil || len(found) == 0 {
		return nil, faults.Translate(err, nil)
	}
	return &found[0], nil
}
