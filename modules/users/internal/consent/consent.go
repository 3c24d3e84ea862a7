// Package consent is what people agree to before they post: the current documents, the question for their age, and who agreed to what.
package consent

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"atrium/modules/users"
	"atrium/platform/cache"
	"atrium/platform/database"
	"atrium/platform/fault"
	"atrium/platform/httpserver"
)

// ageDocument is the document by which people say that they are old enough. Its version is the age in years.
const ageDocument = "age"

// errDocument answers a consent to something that is not a current document.
var errDocument = fault.Invalid("users.unknown_document", "This is not a current version of a document.")

// Service keeps consents. Safe for concurrent use.
type Service struct {
	cfg       users.Config
	db        *database.DB
	store     store
	documents []users.Document
	consents  *cache.Space[uuid.UUID, map[string][]string]
}

// NewService replaces {public_url} in the URLs of the configured documents by the API's own.
func NewService(cfg users.Config, web httpserver.Config, db *database.DB, c *cache.Cache) *Service {
	return &Service{
		cfg: cfg, db: db, store: store{db}, documents: withURLs(withAge(cfg), web.PublicURL),
		consents: cache.NewSpace[uuid.UUID, map[string][]string](c, "users.consents", time.Hour, 10*time.Minute, 8*cache.MB),
	}
}

// withAge returns the configured documents, and the question for the age where a minimum is set.
func withAge(cfg users.Config) []users.Document {
	if cfg.MinimumAge == 0 {
		return cfg.Documents
	}
	return append(slices.Clone(cfg.Documents), users.Document{
		Name: ageDocument, Version: strconv.Itoa(cfg.MinimumAge), URL: "{public_url}/legal/" + ageDocument,
	})
}

// withURLs fills in where the documents are: {public_url} in their URLs is the API's own.
func withURLs(documents []users.Document, publicURL string) []users.Document {
	documents = slices.Clone(documents)
	for i := range documents {
		documents[i].URL = strings.ReplaceAll(documents[i].URL, "{public_url}", strings.TrimSuffix(publicURL, "/"))
	}
	return documents
}

// Agree records that a person agreed to a current document. The document "age" takes a birth date (YYYY-MM-DD), of which is kept only
// that they are old enough; else users.ErrTooYoung.
func (s *Service) Agree(ctx context.Context, id uuid.UUID, document, version, birthDate string) error {
	if !slices.ContainsFunc(s.documents, func(d users.Document) bool { return d.Name == document && d.Version == version }) {
		return errDocument.At("/body/version", "is not current")
	}
	if document == ageDocument && s.cfg.MinimumAge > 0 {
		if err := oldEnough(birthDate, s.cfg.MinimumAge, time.Now()); err != nil {
			return err
		}
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		s.consents.DropAfterCommit(ctx, id)
		return s.store.agree(ctx, consent{UserID: id, Document: document, Version: version})
	})
}

// Require returns users.ErrTermsRequired while a current document waits for the person.
func (s *Service) Require(ctx context.Context, id uuid.UUID) error {
	pending, err := s.Pending(ctx, id)
	if err != nil {
		return err
	}
	if len(pending) > 0 {
		return users.ErrTermsRequired.Detail("pending_consents", pending)
	}
	return nil
}

// Pending returns the current documents to which a person has not agreed.
func (s *Service) Pending(ctx context.Context, id uuid.UUID) ([]users.PendingConsent, error) {
	agreed, err := s.consents.Load(ctx, id, func(ctx context.Context) (map[string][]string, error) { return s.store.agreed(ctx, id) })
	if err != nil {
		return nil, err
	}
	return s.without(agreed), nil
}

// without returns the current documents that are not among the agreed ones: versions by document.
func (s *Service) without(agreed map[string][]string) []users.PendingConsent {
	pending := []users.PendingConsent{}
	for _, doc := range s.documents {
		if !slices.Contains(agreed[doc.Name], doc.Version) {
			pending = append(pending, users.PendingConsent{Document: doc.Name, Version: doc.Version, URL: doc.URL})
		}
	}
	return pending
}

// Drop forgets what is cached of a person's consents after the transaction in ctx. Call it in whatever deletes them.
func (s *Service) Drop(ctx context.Context, id uuid.UUID) { s.consents.DropAfterCommit(ctx, id) }

// Bootstrap tells clients what people must agree to before they post.
func (s *Service) Bootstrap() httpserver.Bootstrap {
	return httpserver.Bootstrap{Members: map[string]any{"consents": s.without(nil)}}
}

// oldEnough checks a birth date against an age in years. It goes by the time zone that is furthest ahead: nobody is refused on their birthday.
func oldEnough(birthDate string, years int, now time.Time) error {
	born, err := time.Parse(time.DateOnly, birthDate)
	today := now.UTC().Add(14 * time.Hour)
	if err != nil || born.After(today) || born.Year() < today.Year()-130 {
		return errDocument.At("/body/birth_date", "must be your date of birth, YYYY-MM-DD")
	}
	if born.AddDate(years, 0, 0).After(today) {
		return users.ErrTooYoung
	}
	return nil
}
