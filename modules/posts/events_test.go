package posts_test

import (
	"testing"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/platform/outbox/outboxtest"
)

func TestEvents_PayloadsAreAsWritten(t *testing.T) {
	t.Parallel()
	post, author, user, comment, parent := uuid.MustParse("0199c2f0-1f4e-7a53-b1f4-9f2f6a1f0001"), uuid.MustParse("0199c2f0-1f4e-7a53-b1f4-9f2f6a1f0002"), uuid.MustParse("0199c2f0-1f4e-7a53-b1f4-9f2f6a1f0003"), uuid.MustParse("0199c2f0-1f4e-7a53-b1f4-9f2f6a1f0004"), uuid.MustParse("0199c2f0-1f4e-7a53-b1f4-9f2f6a1f0005")
	outboxtest.Golden(t,
		posts.Published{PostID: post, AuthorID: author, Visibility: posts.Public, Mentioned: []uuid.UUID{user}},
		posts.Edited{PostID: post, AuthorID: author, Visibility: posts.Followers, Mentioned: []uuid.UUID{user}},
		posts.Deleted{PostID: post, AuthorID: author},
		posts.Restored{PostID: post, AuthorID: author},
		posts.Liked{PostID: post, AuthorID: author, UserID: user},
		posts.Unliked{PostID: post, AuthorID: author, UserID: user},
		posts.Commented{CommentID: comment, PostID: post, AuthorID: author, UserID: user, ParentUserID: parent, Mentioned: []uuid.UUID{parent}},
		posts.CommentEdited{CommentID: comment, PostID: post, UserID: user, Mentioned: []uuid.UUID{parent}},
		posts.CommentDeleted{CommentID: comment, PostID: post, UserID: user},
	)
}
