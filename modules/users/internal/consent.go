package internal

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"atrium/modules/users"
	"atrium/platform/fault"
)

// ageDocument is the name under which people say how old they are. Its version is the age.
const ageDocument = "age"

// errDocument answers a consent to something that is not a current document.
var errDocument = fault.Invalid("users.unknown_document", "This is not a current version of a document.")

// withAge adds the question for the age to the documents, where one is asked.
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

// Agree keeps a person's yes to a current document. To the question for the age the answer is a birth date: what is kept is only
// that they are old enough.
func (p *People) Agree(ctx context.Context, id uuid.UUID, document, version, birthDate string) error {
	if !slices.ContainsFunc(p.directory.documents, func(d users.Document) bool { return d.Name == document && d.Version == version }) {
		return errDocument.At("/body/version", "is not current")
	}
	if document == ageDocument && p.cfg.MinimumAge > 0 {
		if err := oldEnough(birthDate, p.cfg.MinimumAge, time.Now()); err != nil {
			return err
		}
	}
	return p.db.InTx(ctx, func(ctx context.Context) error {
		p.db.AfterCommit(ctx, func(ctx context.Context) { p.directory.consents.Drop(ctx, id) })
		return p.store.agree(ctx, consent{UserID: id, Document: document, Version: version})
	})
}

// oldEnough checks a birth date against an age in years. It goes by the latest zone on earth: nobody is refused on their birthday.
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
