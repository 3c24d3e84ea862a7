package mute

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"atrium/modules/users"
	"atrium/platform/apptest"
	"atrium/platform/cache"
	"atrium/platform/dbtest"
)

func TestMutedTerms(t *testing.T) {
	t.Parallel()
	db := dbtest.Clone(t)
	mutes := NewService(db, cache.New(nil, zap.NewNop()))
	app := apptest.NewOn(t, db, Routes(NewHTTP(mutes)))
	ana, ben := uuid.New(), uuid.New()
	for i, id := range []uuid.UUID{ana, ben} {
		require.NoError(t, db.Conn(t.Context()).Exec("INSERT INTO users (id, handle, display_name) VALUES (?, ?, 'X')", id, fmt.Sprint("h", i)).Error)
	}
	put, path := http.MethodPut, "/v1/me/muted-terms"
	subjects := []users.Subject{
		{Text: "My new SOFA", Tags: []string{"Loft"}, Style: "boho", Brands: []string{"IKEA"}},
		{Text: "Sofas everywhere", Tags: []string{"lofts"}, Style: "rustic", Brands: []string{"Muji"}},
	}
	muted := func(who uuid.UUID) []bool {
		t.Helper()
		hits, err := mutes.Of(t.Context(), who)
		require.NoError(t, err)
		found := make([]bool, len(subjects))
		for i, subject := range subjects {
			found[i] = hits != nil && hits(subject)
		}
		return found
	}
	require.Equal(t, []bool{false, false}, muted(ana))
	for _, term := range []string{"word/sofa", "tag/%23LOFT", "brand/ikea", "style/boho"} {
		app.Do(t, apptest.Request{Method: put, Path: path + "/" + term, Token: apptest.As(ana)}).Want(204)
		require.Equal(t, []bool{true, false}, muted(ana), "%s bites at once", term)
		app.Do(t, apptest.Request{Method: http.MethodDelete, Path: path + "/" + term, Token: apptest.As(ana)}).Want(204)
		require.Equal(t, []bool{false, false}, muted(ana), term)
	}
	tomorrow := time.Now().Add(24 * time.Hour).UTC().Truncate(time.Second)
	app.Run(t,
		apptest.Scenario{Name: "mutes until then, however it is spelled", As: ana, Method: put, Path: path + "/word/%20%20Black%20%20FRIDAY", Body: map[string]any{"expires_at": tomorrow}, Status: 204},
		apptest.Scenario{Name: "lists", As: ana, Path: path, Status: 200, Contains: []string{`"term":"black friday"`, tomorrow.Format(time.RFC3339)}},
		apptest.Scenario{Name: "others' lists are their own", As: ben, Path: path, Status: 200, Contains: []string{`"items":[]`}},
		apptest.Scenario{Name: "strangers have none", Path: path, Status: 401},
		apptest.Scenario{Name: "of other kinds there are none", As: ana, Method: put, Path: path + "/smell/x", Status: 404},
		apptest.Scenario{Name: "nothing cannot be muted", As: ana, Method: put, Path: path + "/word/%20", Status: 422, Code: "users.invalid_mute"},
		apptest.Scenario{Name: "nor what is over", As: ana, Method: put, Path: path + "/word/x", Body: map[string]any{"expires_at": time.Now()}, Status: 422, Contains: []string{"/body/expires_at"}},
	)
	t.Run("every spelling of a word is the word", func(t *testing.T) {
		for term, text := range map[string]string{"giveaway": "give\u200baway", "می\u200cخواهم": "میخواهم", "straße": "STRASSE", "Écru": "ecru"} {
			require.NoError(t, mutes.Mute(t.Context(), ben, kindWord, term, nil))
			hits, err := mutes.Of(t.Context(), ben)
			require.NoError(t, err)
			require.True(t, hits(users.Subject{Text: text}), term)
			require.NoError(t, mutes.Mute(t.Context(), ben, kindWord, text, nil), "again, in another spelling")
		}
		for _, text := range []string{"GIVEAWAY", "میخواهم", "strasse", "ecru"} {
			require.NoError(t, mutes.Unmute(t.Context(), ben, kindWord, text))
		}
		list, err := mutes.List(t.Context(), ben)
		require.NoError(t, err)
		require.Empty(t, list)
	})
	t.Run("an end that comes needs no sweep", func(t *testing.T) {
		require.NoError(t, mutes.Mute(t.Context(), ana, kindWord, "sofa", &tomorrow))
		require.True(t, Term{Kind: kindWord, Term: "sofa", ExpiresAt: &tomorrow}.ended(tomorrow))
		require.NoError(t, db.Conn(t.Context()).Exec("UPDATE user_muted_terms SET expires_at = now() - interval '1 second'").Error)
		mutes.terms.Drop(t.Context(), ana)
		require.Equal(t, []bool{false, false}, muted(ana))
		list, err := mutes.List(t.Context(), ana)
		require.NoError(t, err)
		require.Empty(t, list)
		require.NoError(t, mutes.Prune(t.Context()))
	})
	t.Run("there is a limit", func(t *testing.T) {
		require.NoError(t, db.Conn(t.Context()).Exec("INSERT INTO user_muted_terms (user_id, kind, term) SELECT ?, 'word', 't' || i FROM generate_series(1, ?::int) i", ben, maxTerms).Error)
		require.ErrorIs(t, mutes.Mute(t.Context(), ben, kindWord, "one more", nil), errTooMany)
		require.NoError(t, mutes.Mute(t.Context(), ben, kindWord, "t1", &tomorrow), "what is there can be changed")
	})
}
