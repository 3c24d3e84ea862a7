// Package activity answers other modules what people do with posts at this moment.
package activity

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/words"
	"atrium/modules/users"
)

// Service is posts.Activity. Safe for concurrent use.
type Service struct {
	store  *Store
	people users.Directory
}

func NewService(store *Store, people users.Directory) *Service {
	return &Service{store: store, people: people}
}

// Likes implements posts.Activity.
func (s *Service) Likes(ctx context.Context, likes []posts.Like) (map[posts.Like]bool, error) {
	found, err := s.store.likes(ctx, likes)
	there := make(map[posts.Like]bool, len(found))
	for _, like := range found {
		there[like] = true
	}
	return there, err
}

// Comments implements posts.Activity.
func (s *Service) Comments(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]posts.Comment, error) {
	rows, err := s.store.comments(ctx, ids)
	if err != nil {
		return nil, err
	}
	mentioned, err := s.mentioned(ctx, rows)
	found := make(map[uuid.UUID]posts.Comment, len(rows))
	for _, row := range rows {
		c := posts.Comment{ID: row.ID, PostID: row.PostID, AuthorID: row.AuthorID, PostAuthorID: row.PostAuthorID, Mentioned: mentioned[row.ID]}
		if row.ParentAuthorID != nil {
			c.ParentAuthorID = *row.ParentAuthorID
		}
		found[row.ID] = c
	}
	return found, err
}

// Mentions implements posts.Activity.
func (s *Service) Mentions(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID][]uuid.UUID, error) {
	captions, err := s.store.captions(ctx, ids)
	if err != nil {
		return nil, err
	}
	return s.mentioned(ctx, captions)
}

// mentioned returns whom texts mention. Every text has an answer.
func (s *Service) mentioned(ctx context.Context, rows []written) (map[uuid.UUID][]uuid.UUID, error) {
	texts := make([]words.Written, len(rows))
	for i, row := range rows {
		texts[i] = words.Written{Author: row.AuthorID, Text: row.Text}
	}
	mentioned, err := words.MentionedInAll(ctx, s.people, texts)
	byID := make(map[uuid.UUID][]uuid.UUID, len(rows))
	for i, row := range rows {
		if err == nil {
			byID[row.ID] = mentioned[i]
		}
	}
	return byID, err
}
