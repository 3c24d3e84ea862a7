// Package mute keeps what people want to see nothing of: tags, brands, styles and words.
package mute

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"atrium/modules/users"
	"atrium/platform/cache"
	"atrium/platform/database"
	"atrium/platform/fault"
	"atrium/platform/text"
)

const (
	maxTerm  = 50  // graphemes
	maxTerms = 500 // of one person
)

// The kinds of terms.
const (
	kindTag   = "tag"
	kindBrand = "brand"
	kindStyle = "style"
	kindWord  = "word"
)

var (
	errTerm    = fault.Invalid("users.invalid_mute", "This cannot be muted.")
	errTooMany = fault.Conflict("users.too_many_mutes", "You have muted as much as one can.")
	errKind    = fault.NotFound("users.no_such_mute", "Only tags, brands, styles and words can be muted.")
)

// Term is something muted.
type Term struct {
	Kind      string     `json:"kind" enum:"tag,brand,style,word" example:"word"`
	Term      string     `json:"term" example:"black friday"`
	ExpiresAt *time.Time `json:"expires_at" doc:"when it ends by itself; null: never"`
	CreatedAt time.Time  `json:"created_at"`
}

// SchemaName is its name in the OpenAPI document.
func (Term) SchemaName() string { return "MutedTerm" }

// ended reports whether a mute is over.
func (t Term) ended(now time.Time) bool { return t.ExpiresAt != nil && !t.ExpiresAt.After(now) }

// Service is users.Mutes, and what people do about it.
type Service struct {
	db    *database.DB
	store store
	terms *cache.Space[uuid.UUID, []Term]
}

// NewService makes the service.
func NewService(db *database.DB, c *cache.Cache) *Service {
	return &Service{db: db, store: store{db}, terms: cache.NewSpace[uuid.UUID, []Term](c, "users.muted_terms", 10*time.Minute, time.Minute, 16*cache.MB)}
}

// Mute mutes a term until then or (nil) for good; muting it again changes until when.
func (s *Service) Mute(ctx context.Context, user uuid.UUID, kind, typed string, until *time.Time) error {
	term, err := read(kind, typed)
	if err != nil {
		return err
	}
	if until != nil && !until.After(time.Now()) {
		return errTerm.At("/body/expires_at", "must be in the future")
	}
	return s.change(ctx, user, func(ctx context.Context) error {
		same, err := s.spellings(ctx, user, kind, term)
		if err != nil {
			return err
		}
		if len(same) > 0 {
			term = same[0]
		}
		kept, err := s.store.put(ctx, user, Term{Kind: kind, Term: term, ExpiresAt: until}, maxTerms)
		if err == nil && !kept {
			return errTooMany
		}
		return err
	})
}

// Unmute ends it; where there was nothing, that is no error.
func (s *Service) Unmute(ctx context.Context, user uuid.UUID, kind, typed string) error {
	term, err := read(kind, typed)
	if err != nil {
		return err
	}
	return s.change(ctx, user, func(ctx context.Context) error {
		same, err := s.spellings(ctx, user, kind, term)
		if err != nil {
			return err
		}
		return s.store.remove(ctx, user, kind, same)
	})
}

func (s *Service) change(ctx context.Context, user uuid.UUID, fn func(ctx context.Context) error) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		s.terms.DropAfterCommit(ctx, user)
		return fn(ctx)
	})
}

// List returns what a person has muted, the newest first.
func (s *Service) List(ctx context.Context, user uuid.UUID) ([]Term, error) {
	all, err := s.store.list(ctx, user)
	now := time.Now()
	return slices.DeleteFunc(all, func(t Term) bool { return t.ended(now) }), err
}

// Of implements users.Mutes. Most people have muted nothing, which costs one look into the cache.
func (s *Service) Of(ctx context.Context, viewer uuid.UUID) (func(users.Subject) bool, error) {
	if viewer == uuid.Nil {
		return nil, nil
	}
	terms, err := s.terms.Load(ctx, viewer, func(ctx context.Context) ([]Term, error) { return s.store.list(ctx, viewer) })
	if err != nil || len(terms) == 0 {
		return nil, err
	}
	now := time.Now()
	return func(subject users.Subject) bool {
		folded := newSubject(subject)
		return slices.ContainsFunc(terms, func(t Term) bool { return !t.ended(now) && t.hits(folded) })
	}, nil
}

// subject is what a term may have to do with, folded.
type subject struct {
	tags, brands []string
	style        string
	text         text.Matcher
}

func newSubject(s users.Subject) subject {
	return subject{tags: foldAll(s.Tags), brands: foldAll(s.Brands), style: text.Fold(s.Style), text: text.NewMatcher(s.Text)}
}

func foldAll(list []string) []string {
	folded := make([]string, len(list))
	for i, s := range list {
		folded[i] = text.Fold(s)
	}
	return folded
}

// hits reports whether a subject has to do with the term.
func (t Term) hits(s subject) bool {
	switch t.Kind {
	case kindTag:
		return slices.Contains(s.tags, text.Fold(t.Term))
	case kindBrand:
		return slices.Contains(s.brands, text.Fold(t.Term))
	case kindStyle:
		return s.style == text.Fold(t.Term)
	}
	return s.text.Contains(t.Term)
}

// read brings a term into the form in which it is kept and listed: one line without differences of case and width. It is compared by
// its fold, in which more are the same.
func read(kind, typed string) (string, error) {
	if !slices.Contains([]string{kindTag, kindBrand, kindStyle, kindWord}, kind) {
		return "", errKind
	}
	term, err := text.Line(text.CaseFold(typed), maxTerm)
	if kind == kindTag {
		term = strings.TrimPrefix(term, "#")
	}
	if err != nil || text.Fold(term) == "" {
		return "", errTerm.At("path.term", "must have 1 to 50 characters")
	}
	return term, nil
}

// spellings returns those of a person's terms that are the same as the term.
func (s *Service) spellings(ctx context.Context, user uuid.UUID, kind, term string) ([]string, error) {
	all, err := s.store.list(ctx, user)
	var same []string
	for _, t := range all {
		if t.Kind == kind && text.Fold(t.Term) == text.Fold(term) {
			same = append(same, t.Term)
		}
	}
	return same, err
}
