package graph

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/users"
	"atrium/modules/users/internal/relation"
	"atrium/modules/users/internal/user"
)

// suggestion is a person whom the viewer may like to follow.
type suggestion struct {
	Person
	Mutuals int64 `json:"mutuals" doc:"how many of those whom you follow follow them" example:"3"`
	Alike   int64 `json:"alike" doc:"how many of their newest posts are in the styles or have the hashtags that you like most" example:"5"`
}

// SchemaName is its name in the OpenAPI document.
func (suggestion) SchemaName() string { return "UserSuggestion" }

// Dismiss has a person not suggested to me again. They do not learn of it.
func (s *Service) Dismiss(ctx context.Context, me, other uuid.UUID) error {
	return s.withBoth(ctx, me, other, func(ctx context.Context, _ user.User, r relation.Row) error {
		if r.BlocksMe {
			return users.ErrNotFound
		}
		_, err := s.store.insert(ctx, relation.Dismissals, me, other)
		return err
	})
}

// Undismiss allows a dismissed person to be suggested again.
func (s *Service) Undismiss(ctx context.Context, me, other uuid.UUID) error {
	return s.remove(ctx, relation.Dismissals, me, other, nil)
}

// maxAlike is how many people of one's own taste are considered.
const maxAlike = 200

// Suggest lists people to follow: first those whom people that I follow follow, then those who post what I like, then popular ones.
func (s *Service) Suggest(ctx context.Context, me uuid.UUID, limit int) ([]suggestion, error) {
	alike, err := s.tastes.Alike(ctx, me, maxAlike)
	if err != nil {
		return nil, err
	}
	rows, err := s.store.suggest(ctx, me, alike, limit)
	if err != nil {
		return nil, err
	}
	people := make([]user.User, len(rows))
	for i, row := range rows {
		people[i] = row.Person
	}
	persons, err := s.persons(ctx, me, people)
	if err != nil {
		return nil, err
	}
	suggestions := make([]suggestion, len(rows))
	for i, row := range rows {
		suggestions[i] = suggestion{Person: persons[row.Person.ID], Mutuals: row.Mutuals, Alike: row.Alike}
	}
	return suggestions, nil
}
