package internal

import (
	"context"
	"time"

	"atrium/modules/auth"
	"atrium/modules/auth/internal/provider"
)

// noticeLife is how old a notice of a provider may be.
const noticeLife = provider.NoticeLife

// HearApple takes what Apple tells about one of its accounts. The same notice twice is no error and does nothing; what it
// tells ends only what began before it happened, since notices come late.
func (s *Service) HearApple(ctx context.Context, raw string) error {
	apple, ok := s.providers[provider.Apple]
	if !ok {
		return auth.ErrProviderOff
	}
	told, err := apple.Notice(ctx, raw)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		fresh, err := s.store.hear(ctx, provider.Apple, told.ID, s.now())
		if err != nil || !fresh {
			return err
		}
		whose, err := s.store.lockIdentity(ctx, provider.Apple, told.Subject)
		if err != nil || whose == nil {
			return err
		}
		switch told.Kind {
		case provider.ConsentRevoked:
			return s.consentRevoked(ctx, whose, told.At)
		case provider.AccountDeleted:
			return s.accountGone(ctx, whose, told.At)
		}
		return nil
	})
}

// consentRevoked ends the sessions that Apple opened. The token that we hold has become worthless; the identity stays, so
// that the person can consent again and is known.
func (s *Service) consentRevoked(ctx context.Context, whose *known, at time.Time) error {
	cameBack, err := s.endOpenedBy(ctx, whose, at)
	if err != nil || cameBack {
		return err
	}
	whose.ProviderToken = nil
	return s.store.saveIdentity(ctx, whose)
}

// accountGone takes away a way to sign in that nobody can use any more, even where it is the last: the person can still have
// the account erased from the page for that.
func (s *Service) accountGone(ctx context.Context, whose *known, at time.Time) error {
	if _, err := s.endOpenedBy(ctx, whose, at); err != nil {
		return err
	}
	if err := s.store.deleteIdentity(ctx, whose.ID); err != nil {
		return err
	}
	return s.log(ctx, eventUnlinked, whose.UserID, nil, whose.Provider+" "+provider.AccountDeleted)
}

// endOpenedBy ends the sessions that an identity's provider opened before then, and reports whether others are left.
func (s *Service) endOpenedBy(ctx context.Context, whose *known, then time.Time) (left bool, err error) {
	all, err := s.store.lockLiving(ctx, whose.UserID)
	if err != nil {
		return false, err
	}
	for i := range all {
		if all[i].Provider != whose.Provider {
			continue
		}
		if all[i].SignedInAt.After(then) {
			left = true
			continue
		}
		if err := s.endings.finish(ctx, &all[i], auth.Cause{Reason: endedByProvider}); err != nil {
			return false, err
		}
	}
	return left, nil
}
