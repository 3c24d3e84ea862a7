package tag_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTags_AreShownAsTypedAndComparedFolded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.People.Add("ana")
	for caption, want := range map[string][]any{
		"https://shop.example/sofa/#reviews ?q=#top https://x.example/?q=#top": {"top"},
		"#نرم\u200cافزار #col·lecció #リビング・ダイニング":                              {"نرم\u200cافزار", "col·lecció", "リビング・ダイニング"},
		"#1 #2024 #한국어ㅋㅋ":   {"한국어ㅋㅋ"},
		"#ΣΟΦΑΣ and #σοφας": {"σοφας"},
	} {
		require.Equal(t, want, b.Get(ana, "/posts/"+b.Publish(ana, caption)).Want(http.StatusOK).JSON()["tags"], caption)
	}
	first, second := b.Publish(ana, "#IŞIK #Écru"), b.Publish(ana, "#ışık #ecru")
	for _, tag := range []string{"IŞIK", "ışık", "écru", "ECRU"} {
		require.Equal(t, []string{second, first}, b.Page(ana, "/tags/"+url.PathEscape(tag)+"/posts", "").IDs(), tag)
	}
	b.Send(ana, http.MethodPut, "/tags/"+url.PathEscape("Écru")+"/follow", nil).Want(http.StatusNoContent)
	require.Equal(t, []string{"écru"}, b.followed(ana))
	b.Send(ana, http.MethodDelete, "/tags/ecru/follow", nil).Want(http.StatusNoContent)
	require.Empty(t, b.followed(ana))
}

func TestSearch_FoldsWhatWasWrittenAndTyped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.People.Add("ana")
	for caption, queries := range map[string][]string{
		"Écru in der Straße":   {"ecru", "ＥＣＲＵ", "strasse", "STRASSE écru"},
		"Φως τοίχου":           {"ΦΩΣ"},
		"원목 식탁세트":              {"원목식탁", "식탁"},
		"Regal, 60cm breit":    {"60 cm"},
		"Hylde, 75 cm":         {"75cm"},
		"كُرْسِيّ مريح":        {"كرسي"},
		"a give\u200baway now": {"giveaway"},
	} {
		id := b.Publish(ana, caption)
		for _, q := range queries {
			require.Equal(t, []string{id}, b.Page(ana, "/search/posts?q="+url.QueryEscape(q), "").IDs(), q)
		}
	}
}

func TestTexts_ThatShowNothingAreRefusedWhereOneIsNeeded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.People.Add("ana")
	post := b.Publish(ana, "tidy\r\nand\u0007 \u001bclean")
	require.Equal(t, "tidy\nand clean", b.Get(ana, "/posts/"+post).Want(http.StatusOK).JSON()["caption"])
	for _, nothing := range []string{"\u200b", "\u2800", "\u3164", "\u00ad", "  ", "\u200b \u2800"} {
		require.Contains(t, string(b.Send(ana, http.MethodPost, "/posts/"+post+"/comments", object{"text": nothing}).Want(http.StatusUnprocessableEntity).Body), "/body/text")
		require.Contains(t, string(b.Send(ana, http.MethodPost, "/boards", object{"title": nothing}).Want(http.StatusUnprocessableEntity).Body), "/body/title")
	}
	board := b.Send(ana, http.MethodPost, "/boards", object{"title": "Jo\u202eevil"}).Want(http.StatusCreated).JSON()
	require.Equal(t, "Joevil", board["title"])
}

func TestFold_OfWhatBuildsBeforeWrote(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.People.Add("ana")
	captions := []string{"Écru #ΣΟΦΑΣ https://x.example/#top", "#한국어ㅋㅋ #2024", "no tags"}
	ids := make([]string, len(captions))
	for i, caption := range captions {
		ids[i] = b.Publish(ana, caption)
	}
	exec := func(sql string, values ...any) {
		t.Helper()
		require.NoError(t, b.DB.Conn(t.Context()).Exec(sql, values...).Error)
	}
	exec(`UPDATE posts SET search = NULL`)
	exec(`DELETE FROM post_tags`)
	for i, tags := range [][]string{{"σοφασ", "top"}, {"한국어ᄏᄏ", "2024"}} {
		for position, tag := range tags {
			exec(`INSERT INTO post_tags (post_id, tag, position) VALUES (?, ?, ?)`, ids[i], tag, position)
		}
	}
	for _, tag := range []string{"écru", "ecru", "oak", "2024"} {
		exec(`INSERT INTO post_tag_follows (user_id, tag) VALUES (?, ?)`, ana, tag)
	}
	search := func(q string) []string { return b.Page(ana, "/search/posts?q="+url.QueryEscape(q), "").IDs() }
	require.Equal(t, ids[:1], search("Écru"), "what is not folded yet is found as it was")

	for range 2 {
		require.NoError(t, b.Schedules["posts.fold_captions"](t.Context()))
		require.NoError(t, b.Schedules["posts.fold_followed_tags"](t.Context()))
	}
	require.Equal(t, ids[:1], search("ecru"))
	for i, want := range [][]any{{"σοφας"}, {"한국어ㅋㅋ"}, {}} {
		require.Equal(t, want, b.another().Get(ana, "/posts/"+ids[i]).Want(http.StatusOK).JSON()["tags"])
	}
	require.Equal(t, ids[:1], b.Page(ana, "/tags/"+url.PathEscape("ΣΟΦΑΣ")+"/posts", "").IDs())
	followed := strings.Join(b.followed(ana), " ")
	require.Contains(t, followed, "oak")
	require.Len(t, b.followed(ana), 2, "one of two spellings stays, a number goes: %s", followed)

	t.Run("an edit by a build before is folded again", func(t *testing.T) {
		exec(`UPDATE posts SET caption = 'Größe' WHERE id = ?`, ids[2])
		require.Equal(t, ids[2:], search("größe"))
		require.NoError(t, b.Schedules["posts.fold_captions"](t.Context()))
		require.Equal(t, ids[2:], search("grosse"))
	})
}
