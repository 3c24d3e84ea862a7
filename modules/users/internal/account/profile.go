package account

import (
	"context"
	"errors"
	"reflect"

	"github.com/google/uuid"

	"atrium/modules/uploads"
	"atrium/modules/users"
	"atrium/modules/users/internal/handle"
	"atrium/modules/users/internal/user"
	"atrium/platform/etag"
	"atrium/platform/fault"
	"atrium/platform/text"
)

// errProfile answers a profile that cannot be saved.
var errProfile = fault.Invalid("users.invalid_profile", "The profile cannot be saved like this.")

// edit is a change of one's own profile; nil leaves a value as it is.
type edit struct {
	Handle      *string
	DisplayName *string
	Bio         *string
	IsPrivate   *bool
	Avatar      pictureEdit
	Cover       pictureEdit
}

// apply sets the texts.
func (e edit) apply(u *user.User) {
	if e.DisplayName != nil {
		u.DisplayName = *e.DisplayName
	}
	if e.Bio != nil {
		u.Bio = *e.Bio
	}
}

// pictureEdit changes a picture where Set; a nil Upload removes it.
type pictureEdit struct {
	Set    bool
	Upload *uuid.UUID
}

// clean brings the texts into the form in which they are kept, or returns an error with a field for each that cannot be kept.
func (e *edit) clean() error {
	err := text.Clean(errProfile,
		text.Input{Pointer: "/body/display_name", Text: e.DisplayName, Limit: user.MaxDisplayName, Required: true},
		text.Input{Pointer: "/body/bio", Text: e.Bio, Limit: user.MaxBio, Block: true})
	if err != nil || e.Handle == nil {
		return err
	}
	parsed, err := handle.Parse(*e.Handle)
	e.Handle = &parsed
	return err
}

// Edit changes one's own profile and increments its version, which nothing else does: neither a suspension nor a role is an edit, nor
// is an edit that leaves everything as it is.
// users.ErrHandleTaken, users.ErrHandleChanges.
func (s *Service) Edit(ctx context.Context, id uuid.UUID, match etag.Match, e edit) (users.Me, error) {
	if err := e.clean(); err != nil {
		return users.Me{}, err
	}
	accepts := false
	err := s.directory.Update(ctx, id, func(ctx context.Context, u *user.User) error {
		if err := match.Check(u.Version); err != nil {
			return err
		}
		before := *u
		if err := s.changeHandle(ctx, u, e.Handle); err != nil {
			return err
		}
		if err := s.changePicture(ctx, u.ID, &u.AvatarID, e.Avatar, "/body/avatar_upload_id"); err != nil {
			return err
		}
		if err := s.changePicture(ctx, u.ID, &u.CoverID, e.Cover, "/body/cover_upload_id"); err != nil {
			return err
		}
		e.apply(u)
		turns := e.IsPrivate != nil && *e.IsPrivate != u.IsPrivate
		if turns || !reflect.DeepEqual(before, *u) {
			u.Version++
		}
		if !turns {
			return nil
		}
		accepts = u.IsPrivate
		return s.setPrivate(ctx, u, *e.IsPrivate)
	})
	if err != nil {
		return users.Me{}, err
	}
	if accepts { // so that those who asked see it at once, where they are few
		_, _ = s.graph.AcceptPending(ctx, id, pendingBatch) // the task does what fails or is left
	}
	return s.Me(ctx, id)
}

func (s *Service) changeHandle(ctx context.Context, u *user.User, wanted *string) error {
	if wanted == nil || *wanted == u.Handle {
		return nil
	}
	now, err := s.users.Now(ctx)
	if err != nil {
		return err
	}
	if err := s.users.RetireHandle(ctx, u.ID, u.Handle, now.Add(user.HandleRetention)); err != nil {
		return err
	}
	free, err := s.users.ClaimHandle(ctx, u.ID, *wanted)
	if err != nil {
		return err
	}
	if !free {
		return users.ErrHandleTaken
	}
	return u.Rename(*wanted, now)
}

func (s *Service) changePicture(ctx context.Context, owner uuid.UUID, picture **uuid.UUID, change pictureEdit, pointer string) error {
	if !change.Set || *picture != nil && change.Upload != nil && **picture == *change.Upload {
		return nil
	}
	if *picture != nil {
		if err := s.library.Release(ctx, []uuid.UUID{**picture}); err != nil {
			return err
		}
	}
	*picture = change.Upload
	if change.Upload == nil {
		return nil
	}
	err := s.library.Claim(ctx, uploads.Claim{
		Owner: owner, Uploads: []uuid.UUID{*change.Upload}, Audience: uploads.Everybody, Pointer: "/body",
	})
	if errors.Is(err, uploads.ErrNotUsable) { // its pointer is that of a list
		return uploads.ErrNotUsable.At(pointer, "is not a ready, unused upload of yours").Because(err)
	}
	return err
}
