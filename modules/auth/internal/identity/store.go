package identity

import (
	"context"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"

	"atrium/modules/auth"
	"atrium/platform/database"
)

type store struct{ db *database.DB }

// identity returns the identity of a provider's account, or nil where nobody has it.
func (s store) identity(ctx context.Context, provider, subject string) (*Identity, error) {
	var found []Identity
	err := s.db.Conn(ctx).Limit(1).Find(&found, "provider = ? AND subject = ?", provider, subject).Error
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// lockIdentity is identity, locked until the transaction ends.
func (s store) lockIdentity(ctx context.Context, provider, subject string) (*Identity, error) {
	var found []Identity
	err := s.db.Conn(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Find(&found, "provider = ? AND subject = ?", provider, subject).Error
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

func (s store) identityByID(ctx context.Context, id uuid.UUID) (found Identity, err error) {
	err = s.db.Conn(ctx).Take(&found, "id = ?", id).Error
	return found, database.OrNotFound(err, auth.ErrIdentityNotFound)
}

func (s store) identities(ctx context.Context, user uuid.UUID) (all []Identity, err error) {
	err = s.db.Conn(ctx).Order("created_at, id").Find(&all, "user_id = ?", user).Error
	return all, err
}

// lockIdentities locks and returns the user's identities, so that two requests cannot unlink the last two.
func (s store) lockIdentities(ctx context.Context, user uuid.UUID) (all []Identity, err error) {
	err = s.db.Conn(ctx).Clauses(clause.Locking{Strength: "UPDATE"}).Order("id").Find(&all, "user_id = ?", user).Error
	return all, err
}

// insertIdentity reports false where the provider's account has an identity already.
func (s store) insertIdentity(ctx context.Context, i *Identity) (bool, error) {
	done := s.db.Conn(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(i)
	return done.RowsAffected == 1, done.Error
}

// saveEmail writes the address that the provider has verified.
func (s store) saveEmail(ctx context.Context, i *Identity) error {
	return s.db.Conn(ctx).Model(&Identity{}).Where("id = ? AND user_id = ?", i.ID, i.UserID).
		Updates(map[string]any{"email": i.Email, "email_verified": i.EmailVerified}).Error
}

// saveProviderToken writes the newest provider token, unless the identity was unlinked meanwhile.
func (s store) saveProviderToken(ctx context.Context, i *Identity) error {
	return s.db.Conn(ctx).Model(&Identity{}).Where("id = ? AND user_id = ?", i.ID, i.UserID).
		Updates(map[string]any{"provider_token": i.ProviderToken, "provider_client": i.ProviderClient}).Error
}

// withProviderToken returns identities that hold a provider's token, by id, beginning after one.
func (s store) withProviderToken(ctx context.Context, after uuid.UUID, limit int) (found []Identity, err error) {
	err = s.db.Conn(ctx).Order("id").Limit(limit).Find(&found, "id > ? AND provider_token IS NOT NULL", after).Error
	return found, err
}

// replaceProviderToken writes a token, sealed anew, unless it has changed meanwhile.
func (s store) replaceProviderToken(ctx context.Context, id uuid.UUID, old, sealed []byte) error {
	return s.db.Conn(ctx).Model(&Identity{}).Where("id = ? AND provider_token = ?", id, old).Update("provider_token", sealed).Error
}

// saveIdentity writes an identity that is locked.
func (s store) saveIdentity(ctx context.Context, i *Identity) error {
	return s.db.Conn(ctx).Save(i).Error
}

func (s store) deleteIdentity(ctx context.Context, id uuid.UUID) error {
	return s.db.Conn(ctx).Delete(&Identity{}, "id = ?", id).Error
}
