package migrations_test

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"atrium/migrations"
	"atrium/platform/database"
)

const (
	// lockedBefore is the last migration that nobody read for its locks. Those until then are listed with what they cost.
	lockedBefore = 20261129073000
	// undeclaredUntil is the last one that need not say whether builds before can work with its schema.
	undeclaredUntil = 20261130000000
)

// hazards are what holds a lock on a table for as long as the table is large, or longer: in words, with what to do instead.
var hazards = []struct {
	pattern *regexp.Regexp
	why     string
}{
	{regexp.MustCompile(`^CREATE (UNIQUE )?INDEX (IF NOT EXISTS )?(?:\S+ )?ON `), "an index built under a lock: CREATE INDEX CONCURRENTLY, in a file of its own with NO TRANSACTION"},
	{regexp.MustCompile(`^REINDEX (?:\([^)]*\) )?(INDEX|TABLE|SCHEMA|DATABASE) (?:[^C]|C[^O])`), "an index built anew under a lock: REINDEX ... CONCURRENTLY"},
	{regexp.MustCompile(`^(CLUSTER|VACUUM (\()?FULL|LOCK)\b`), "a table locked as a whole"},
	{regexp.MustCompile(`^REFRESH MATERIALIZED VIEW (?:[^C]|C[^O])`), "a view made anew under a lock: CONCURRENTLY"},
	{regexp.MustCompile(`^ALTER TABLE .*\bADD (COLUMN )?(IF NOT EXISTS )?\S+ [^,]*\bGENERATED\b`), "a table written anew for a generated column or an identity: a nullable column, filled by a task"},
	{regexp.MustCompile(`^ALTER TABLE .*\bADD (COLUMN )?(IF NOT EXISTS )?\S+ (SMALL|BIG)?SERIAL\b`), "a table written anew: a nullable column, filled by a task"},
	{regexp.MustCompile(`^ALTER TABLE .*\bADD (COLUMN )?(IF NOT EXISTS )?[^(]*\bDEFAULT \(*(GEN_RANDOM_UUID|UUIDV7|UUIDV4|RANDOM|CLOCK_TIMESTAMP|NEXTVAL|TIMEOFDAY|TXID_CURRENT|PG_CURRENT_XACT_ID)`),
		"a table written anew for a default that differs by row: a nullable column, filled by a task"},
	{regexp.MustCompile(`^ALTER TABLE .*\bADD (COLUMN )(IF NOT EXISTS )?[^,]*\b(REFERENCES|CHECK|UNIQUE|PRIMARY KEY)\b`), "all rows are read under the lock: the column first, its constraint NOT VALID, then VALIDATE"},
	{regexp.MustCompile(`^ALTER TABLE .*\bALTER (COLUMN )?\S+ (SET DATA )?TYPE\b`), "a table written anew: a new column, filled by a task"},
	{regexp.MustCompile(`^ALTER TABLE .*\bALTER (COLUMN )?\S+ SET NOT NULL\b`), "all rows are read under the lock: CHECK (... IS NOT NULL) NOT VALID, then VALIDATE"},
	{regexp.MustCompile(`^ALTER TABLE .*\bSET (LOGGED|UNLOGGED|TABLESPACE|ACCESS METHOD)\b`), "a table written anew"},
	{regexp.MustCompile(`^ALTER TABLE .*\bADD (CONSTRAINT \S+ )?(UNIQUE|PRIMARY KEY|EXCLUDE)\b(?: NULLS NOT DISTINCT)? ?(?:\(|USING (?:GIST|BTREE))`), "an index built under a lock: CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT ... USING INDEX"},
	{regexp.MustCompile(`^(WITH .*)?(UPDATE|DELETE FROM|MERGE INTO) `), "rows changed in one transaction, which locks them all: a task that goes in batches"},
	{regexp.MustCompile(`^INSERT INTO .*\bSELECT\b.*\bFROM\b`), "rows copied in one transaction: a task that goes in batches"},
	{regexp.MustCompile(`^DO `), "a program, of which nobody can say what it locks"},
	{regexp.MustCompile(`^CREATE TABLE .* AS (SELECT|WITH|TABLE)\b`), "rows copied in one transaction: a task that goes in batches"},
}

var (
	addsConstraint = regexp.MustCompile(`\bADD (CONSTRAINT \S+ )?(CHECK|FOREIGN KEY)\b`)
	notValid       = regexp.MustCompile(`\bNOT VALID\b`)
	validates      = regexp.MustCompile(`\bVALIDATE CONSTRAINT\b`)
	created        = regexp.MustCompile(`^CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?([\w."]+)`)
	target         = regexp.MustCompile(`^(?:ALTER TABLE (?:IF EXISTS )?(?:ONLY )?|(?:CREATE (?:UNIQUE )?INDEX .*? ON (?:ONLY )?)|UPDATE (?:ONLY )?|DELETE FROM (?:ONLY )?|INSERT INTO |MERGE INTO )([\w."]+)`)
	noTransaction  = regexp.MustCompile(`(?m)^-- \+goose NO TRANSACTION`)
	concurrently   = regexp.MustCompile(`^(CREATE (UNIQUE )?INDEX|DROP INDEX|REINDEX .*) CONCURRENTLY\b`)
)

// locks says what in a migration would hold a lock for longer than a second where tables are large.
func locks(text string) (found []string) {
	transactional := !noTransaction.MatchString(text)
	up, _, _ := strings.Cut(text, "-- +goose Down")
	fresh, added := map[string]bool{}, false
	for _, statement := range statements(up) {
		if table := created.FindStringSubmatch(statement); table != nil {
			fresh[table[1]] = true
		}
		if table := target.FindStringSubmatch(statement); table != nil && fresh[table[1]] {
			continue // nobody has it yet
		}
		for _, h := range hazards {
			if h.pattern.MatchString(statement) {
				found = append(found, short(statement)+": "+h.why)
			}
		}
		if constraints := len(addsConstraint.FindAllString(statement, -1)); constraints > 0 {
			added = true
			if len(notValid.FindAllString(statement, -1)) < constraints {
				found = append(found, short(statement)+": all rows are read under the lock: NOT VALID, then VALIDATE")
			}
		}
		if validates.MatchString(statement) && added && transactional {
			found = append(found, short(statement)+": all rows are read while the lock of ADD CONSTRAINT is held: NO TRANSACTION")
		}
		if concurrently.MatchString(statement) && transactional {
			found = append(found, short(statement)+": it needs NO TRANSACTION")
		}
	}
	return found
}

func short(statement string) string { return statement[:min(len(statement), 80)] }

// statements splits SQL at its semicolons, without comments, blanks made one, in capitals but for what stands in quotes. A function's
// body is left out: it does nothing yet.
func statements(text string) (all []string) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch rest := text[i:]; {
		case strings.HasPrefix(rest, "--"):
			end := strings.IndexByte(rest, '\n')
			if end < 0 {
				end = len(rest)
			}
			i += end - 1
			b.WriteByte(' ')
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest, "*/")
			i += max(end, 0) + 1
			b.WriteByte(' ')
		case dollar.MatchString(rest):
			tag := dollar.FindString(rest)
			end := strings.Index(rest[len(tag):], tag)
			i += 2*len(tag) + max(end, 0) - 1
			b.WriteString("$$")
		case rest[0] == '\'':
			end := strings.IndexByte(rest[1:], '\'')
			i += max(end, 0) + 1
			b.WriteString("''")
		case rest[0] == ';':
			all = append(all, b.String())
			b.Reset()
		default:
			b.WriteByte(rest[0])
		}
	}
	all = append(all, b.String())
	for i := range all {
		all[i] = strings.ToUpper(strings.Join(strings.Fields(all[i]), " "))
	}
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}

var dollar = regexp.MustCompile(`^\$\w*\$`)

// No migration from now on holds a lock for more than a second, however large the table; those before are listed with what they cost.
func TestFault_R6_NoNewMigrationLocksForLong(t *testing.T) {
	t.Parallel()
	listed := costs(t)
	names, err := fs.Glob(migrations.FS, "*.sql")
	require.NoError(t, err)
	for _, name := range names {
		text, err := migrations.FS.ReadFile(name)
		require.NoError(t, err)
		found := locks(string(text))
		if version(t, name) > lockedBefore {
			assert.Empty(t, found, name)
			assert.NotContains(t, listed, name, "a new migration is mended, not listed")
			continue
		}
		assert.Equal(t, len(found) > 0, listed[name], "docs/runbooks/migrations.md lists what an older one costs: %s: %s", name, strings.Join(found, "\n"))
	}
}

// A new migration says whether builds before can work with its schema: they do while it is rolled out.
func TestFault_R2_EveryNewMigrationSaysWhetherOlderBuildsCanWorkWithIt(t *testing.T) {
	t.Parallel()
	names, err := fs.Glob(migrations.FS, "*.sql")
	require.NoError(t, err)
	for _, name := range names {
		text, err := migrations.FS.ReadFile(name)
		require.NoError(t, err)
		from, declared := database.CompatibleFrom(text)
		if declared {
			require.Less(t, from, version(t, name), name)
		}
		if version(t, name) > undeclaredUntil {
			require.True(t, declared || strings.Contains(string(text), "-- +atrium incompatible: "),
				"%s needs a line `-- +atrium compatible-from <version>`, or `-- +atrium incompatible: <why>`", name)
		}
	}
}

// costs reads which older migrations are listed.
func costs(t *testing.T) map[string]bool {
	t.Helper()
	page, err := os.ReadFile("../docs/runbooks/migrations.md")
	require.NoError(t, err)
	listed := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\d+_\\w+\\.sql)` \\| .+ \\|$").FindAllStringSubmatch(string(page), -1) {
		listed[row[1]] = true
	}
	return listed
}

func version(t *testing.T, name string) int64 {
	t.Helper()
	number, _, _ := strings.Cut(name, "_")
	v, err := strconv.ParseInt(number, 10, 64)
	require.NoError(t, err)
	return v
}

// What locks is told from what does not, in the forms in which people write it.
func TestLocks(t *testing.T) {
	t.Parallel()
	const concurrent = "-- +goose NO TRANSACTION\n"
	for _, harmless := range []string{
		"CREATE TABLE a (id uuid PRIMARY KEY, n int CHECK (n > 0)); CREATE INDEX a_n ON a (n); UPDATE a SET n = 1;",
		"ALTER TABLE posts ADD COLUMN seen timestamptz;",
		"ALTER TABLE posts ADD COLUMN n integer NOT NULL DEFAULT 0;",
		"ALTER TABLE posts ADD COLUMN at timestamptz NOT NULL DEFAULT now(), ADD COLUMN tags text[] NOT NULL DEFAULT '{}';",
		"ALTER TABLE posts ADD CONSTRAINT posts_n CHECK (n > 0) NOT VALID;",
		concurrent + "ALTER TABLE posts ADD CONSTRAINT posts_n CHECK (n > 0) NOT VALID; ALTER TABLE posts VALIDATE CONSTRAINT posts_n;",
		concurrent + "CREATE INDEX CONCURRENTLY IF NOT EXISTS posts_n ON posts (n);",
		concurrent + "CREATE UNIQUE INDEX CONCURRENTLY posts_n ON posts (n); ALTER TABLE posts ADD CONSTRAINT posts_n UNIQUE USING INDEX posts_n;",
		"ALTER TABLE posts DROP COLUMN n, ALTER COLUMN m DROP NOT NULL, ALTER COLUMN o SET DEFAULT 3; DROP TABLE old;",
		"INSERT INTO settings (name) VALUES ('a'), ('UPDATE posts');",
		"-- UPDATE posts SET n = 1;\nCREATE FUNCTION f() RETURNS int LANGUAGE sql AS $body$ UPDATE posts SET n = 1; SELECT 1 $body$;",
	} {
		require.Empty(t, locks(harmless), harmless)
	}
	for _, harmful := range []string{
		"CREATE INDEX posts_n ON posts (n);", "create unique index if not exists posts_n\n  on posts (n);", "CREATE INDEX ON posts (n);",
		"CREATE INDEX CONCURRENTLY posts_n ON posts (n);", "REINDEX TABLE posts;",
		"ALTER TABLE posts ADD COLUMN id2 uuid DEFAULT gen_random_uuid();", "ALTER TABLE posts ADD COLUMN n bigserial;",
		"ALTER TABLE posts ADD COLUMN n int GENERATED ALWAYS AS (m + 1) STORED;", "ALTER TABLE posts ALTER COLUMN n TYPE bigint;",
		"ALTER TABLE posts ALTER n SET NOT NULL;", "ALTER TABLE posts ADD CONSTRAINT c CHECK (n > 0);",
		"ALTER TABLE posts ADD CONSTRAINT c CHECK (n > 0) NOT VALID, ADD CONSTRAINT d FOREIGN KEY (n) REFERENCES b (n);",
		"ALTER TABLE posts ADD CONSTRAINT c CHECK (n > 0) NOT VALID; ALTER TABLE posts VALIDATE CONSTRAINT c;",
		"ALTER TABLE posts ADD CONSTRAINT c UNIQUE (n);", "ALTER TABLE posts ADD PRIMARY KEY (id);",
		"ALTER TABLE posts ADD COLUMN b uuid REFERENCES boards (id);", "UPDATE posts SET n = 1;", "DELETE FROM posts WHERE n = 1;",
		"INSERT INTO tags SELECT name FROM posts;", "DO $$ BEGIN UPDATE posts SET n = 1; END $$;", "LOCK TABLE posts;", "VACUUM FULL posts;",
	} {
		require.NotEmpty(t, locks(harmful), harmful)
	}
}
