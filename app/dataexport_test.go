package app

import (
	"archive/zip"
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"atrium/config"
	"atrium/platform/database"
	"atrium/platform/dataexport"
	"atrium/platform/dbtest"
	"atrium/platform/plug"
)

// Every module hands out what it keeps about a person, by statements that fit the schema.
func TestEveryModuleIsInAPersonsArchive(t *testing.T) {
	t.Parallel()
	cfg, err := config.LoadOffline(moduleNames(), "", nil)
	require.NoError(t, err)
	cfg.Database = dbtest.Config(t)
	var parts []dataexport.Part
	_, err = assemble(cfg, fx.Invoke(func(all plug.All[dataexport.Part]) { parts = all }))
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, dataexport.Write(t.Context(), &out, uuid.New(), parts, time.Now()))
	archive, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	require.NoError(t, err)
	folders := map[string]int{}
	for _, f := range archive.File {
		folder, _, _ := bytes.Cut([]byte(f.Name), []byte("/"))
		folders[string(folder)]++
	}
	for _, m := range catalogue {
		require.Positive(t, folders[m.name], "%s hands out nothing", m.name)
	}
}

// What somebody made is in their archive, also where others never see it.
func TestFault_V9_AnArchiveHasAllThatAPersonMade(t *testing.T) {
	t.Parallel()
	cfg, err := config.LoadOffline(moduleNames(), "", nil)
	require.NoError(t, err)
	cfg.Database = dbtest.Config(t)
	var parts []dataexport.Part
	var db *database.DB
	_, err = assemble(cfg, fx.Invoke(func(all plug.All[dataexport.Part]) { parts = all }), fx.Populate(&db))
	require.NoError(t, err)
	ana, post, board, review := uuid.New(), uuid.New(), uuid.New(), uuid.New()
	for _, row := range []struct {
		statement string
		values    []any
	}{
		{"INSERT INTO posts (id, author_id, caption, visibility) VALUES (?, ?, 'a caption', 'private')", []any{post, ana}},
		{"INSERT INTO post_revisions (post_id, version, said, written_at) VALUES (?, 1, '{\"caption\": \"an older caption\"}', now())", []any{post}},
		{"INSERT INTO post_drafts (id, author_id, said) VALUES (?, ?, '{\"caption\": \"a draft\"}')", []any{uuid.New(), ana}},
		{"INSERT INTO boards (id, owner_id, title, description, visibility) VALUES (?, ?, 'a board', 'of mine', 'private')", []any{board, ana}},
		{"INSERT INTO board_items (board_id, kind, item_id, rank) VALUES (?, 'post', ?, 'a')", []any{board, post}},
		{"INSERT INTO post_comment_filters (author_id, words) VALUES (?, '{unwanted}')", []any{ana}},
		{"INSERT INTO product_reviews (id, product_id, line_id, author_id, rating, text, created_at) VALUES (?, ?, ?, ?, 4, 'a review', now())", []any{review, uuid.New(), uuid.New(), ana}},
		{"INSERT INTO product_review_versions (review_id, version, rating, text, written_at) VALUES (?, 1, 2, 'an older review', now())", []any{review}},
	} {
		require.NoError(t, db.Conn(t.Context()).Exec(row.statement, row.values...).Error, row.statement)
	}
	var out bytes.Buffer
	require.NoError(t, dataexport.Write(t.Context(), &out, ana, parts, time.Now()))
	archive, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	require.NoError(t, err)
	read := func(name string) string {
		file, err := archive.Open(name)
		require.NoError(t, err, name)
		content, err := io.ReadAll(file)
		require.NoError(t, err)
		return string(content)
	}
	for name, made := range map[string][]string{
		"posts/posts.json": {"a caption", "an older caption"}, "posts/drafts.json": {"a draft"}, "posts/boards.json": {"a board", "of mine", post.String()},
		"posts/comment_filter.json": {"unwanted"}, "products/product_reviews.json": {"a review", "an older review"},
	} {
		for _, text := range made {
			require.Contains(t, read(name), text, name)
		}
	}
}
