package listing

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"atrium/modules/products/internal/terms"
	"atrium/platform/database"
)

// product_words holds the words of visible listings, which slips of the finger are forgiven for. Whoever makes a word visible learns it
// first; a task forgets words that no visible listing has any more. An advisory lock keeps the two apart: without it a word could be learned,
// as known already, while it is being forgotten.
const wordsLock = "hashtextextended('product_words', 0)"

// WordsOf returns the words of listings, sorted, each once.
func (s *Store) WordsOf(ctx context.Context, ids ...uuid.UUID) ([]string, error) {
	var words []string
	err := s.db.Conn(ctx).Raw(`SELECT DISTINCT unnest(tsvector_to_array(search)) FROM product_listings WHERE product_id = ANY(?)`, database.Array(ids)).Scan(&words).Error
	words = slices.DeleteFunc(words, terms.IsMark)
	slices.Sort(words)
	return words, err
}

// Learn adds words. They are sorted: in one order for everybody, so that two writers never wait for each other in a circle.
func (s *Store) Learn(ctx context.Context, words []string) error {
	if err := s.db.Conn(ctx).Exec(`SELECT pg_advisory_xact_lock_shared(` + wordsLock + `)`).Error; err != nil {
		return err
	}
	spelled, of := terms.Spellings(words)
	return s.db.Conn(ctx).Exec(`WITH fresh AS (INSERT INTO product_words (word) SELECT unnest(?::text[]) ON CONFLICT DO NOTHING RETURNING word)
		INSERT INTO product_slips (slip, word)
		SELECT DISTINCT left(spelled, i - 1) || substr(spelled, i + 1), word
		FROM fresh JOIN unnest(?::text[], ?::text[]) AS s (spelled, word) USING (word), generate_series(1, char_length(spelled) + 1) AS i
		WHERE char_length(word) >= 3 ON CONFLICT DO NOTHING`,
		database.Array(words), database.Array(spelled), database.Array(of)).Error
}

// LockWords keeps others from learning words until the transaction ends, unless somebody is at it now.
func (s *Store) LockWords(ctx context.Context) (locked bool, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT pg_try_advisory_xact_lock(` + wordsLock + `)`).Scan(&locked).Error
	return locked, err
}

// Unused returns those of the words that no visible listing has.
func (s *Store) Unused(ctx context.Context, words []string) ([]string, error) {
	var unused []string
	err := s.db.Conn(ctx).Raw(`SELECT word FROM unnest(?::text[]) AS w (word) WHERE NOT EXISTS (
		SELECT 1 FROM product_listings WHERE visible AND search @@ ('''' || word || '''')::tsquery)`, database.Array(words)).Scan(&unused).Error
	return unused, err
}

// Forget removes words.
func (s *Store) Forget(ctx context.Context, words []string) error {
	spelled, of := terms.Spellings(words)
	err := s.db.Conn(ctx).Exec(`DELETE FROM product_slips AS known USING (
			SELECT left(spelled, i - 1) || substr(spelled, i + 1) AS slip, word
			FROM unnest(?::text[], ?::text[]) AS s (spelled, word), generate_series(1, char_length(spelled) + 1) AS i) AS gone
		WHERE known.slip = gone.slip AND known.word = gone.word`, database.Array(spelled), database.Array(of)).Error
	if err != nil {
		return err
	}
	return s.db.Conn(ctx).Exec(`DELETE FROM product_words WHERE word = ANY(?)`, database.Array(words)).Error
}

// WordsAfter reads words in their order, after one.
func (s *Store) WordsAfter(ctx context.Context, word string, limit int) ([]string, error) {
	var words []string
	err := s.db.Conn(ctx).Raw(`SELECT word FROM product_words WHERE word > ? ORDER BY word LIMIT ?`, word, limit).Scan(&words).Error
	return words, err
}
