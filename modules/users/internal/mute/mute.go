// Package mute keeps what people want to see nothing of: tags, brands, styles and words.
package mute

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/rivo/uniseg"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"atrium/modules/users"
	"atrium/platform/cache"
	"atrium/platform/database"
	"atrium/platform/fault"
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
	return &Service{db: db, store: store{db}, terms: cache.NewSpace[uuid.UUID, []Term](c, "users.muted_terms", 10*time.Minute, time.Minute, 20_000)}
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
	return s.change(ctx, user, func(ctx context.Context) error { return s.store.remove(ctx, user, kind, term) })
}

func (s *Service) change(ctx context.Context, user uuid.UUID, fn func(ctx context.Context) error) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		s.db.AfterCommit(ctx, func(ctx context.Context) { s.terms.Drop(ctx, user) })
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
		folded := foldSubject(subject)
		return slices.ContainsFunc(terms, func(t Term) bool { return !t.ended(now) && t.hits(folded) })
	}, nil
}

// hits reports whether a folded subject has to do with the term.
func (t Term) hits(s users.Subject) bool {
	switch t.Kind {
	case kindTag:
		return slices.Contains(s.Tags, t.Term)
	case kindBrand:
		return slices.Contains(s.Brands, t.Term)
	case kindStyle:
		return s.Style == t.Term
	}
	return hasWord(s.Text, t.Term)
}

func foldSubject(s users.Subject) users.Subject {
	folded := users.Subject{Text: fold(s.Text), Style: fold(s.Style)}
	for _, tag := range s.Tags {
		folded.Tags = append(folded.Tags, fold(tag))
	}
	for _, brand := range s.Brands {
		folded.Brands = append(folded.Brands, fold(brand))
	}
	return folded
}

// read brings a term into the form in which it is compared.
func read(kind, typed string) (string, error) {
	if !slices.Contains([]string{kindTag, kindBrand, kindStyle, kindWord}, kind) {
		return "", errKind
	}
	term := fold(typed)
	if kind == kindTag {
		term = strings.TrimPrefix(term, "#")
	}
	if term == "" || uniseg.GraphemeClusterCount(term) > maxTerm || len(term) > maxTerm*32 || strings.ContainsFunc(term, unicode.IsControl) {
		return "", errTerm.At("path.term", "must have 1 to 50 characters")
	}
	return term, nil
}

// fold makes every way of writing the same words one: case, width, composition and space.
func fold(s string) string {
	return strings.Join(strings.Fields(norm.NFKC.String(cases.Fold().String(norm.NFKC.String(s)))), " ")
}

// hasWord reports whether a folded text has the word, not as a part of a longer one. In scripts that are written without
// spaces, or that glue endings on, it may stand anywhere.
func hasWord(text, word string) bool {
	for from := 0; ; {
		at := strings.Index(text[from:], word)
		if at < 0 {
			return false
		}
		at += from
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		after, _ := utf8.DecodeRuneInString(text[at+len(word):])
		first, size := utf8.DecodeRuneInString(word)
		last, _ := utf8.DecodeLastRuneInString(word)
		if !(joined(before) && joined(first)) && !(joined(last) && joined(after)) {
			return true
		}
		from = at + size
	}
}

// joined reports whether a character makes a longer word of its neighbour.
func joined(r rune) bool {
	return (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)) &&
		!unicode.In(r, unicode.Hangul, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}
