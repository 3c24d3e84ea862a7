package postsfx

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/users"
	"atrium/platform/outbox"
	"atrium/platform/tasks/taskstest"
)

// followed returns the names of the hashtags on all pages of what a person follows.
func (b *bench) followed(as uuid.UUID) []string {
	b.t.Helper()
	tags := []string{}
	for cursor := ""; ; {
		page := b.page(as, "/me/tags?limit=2", cursor)
		for _, item := range page.Items {
			tags = append(tags, item["tag"].(string))
		}
		if page.NextCursor == nil {
			return tags
		}
		cursor = *page.NextCursor
	}
}

func TestTags_AreFollowedInWhateverFormTheyAreWritten(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, ben := b.people.Add("ana"), b.people.Add("ben")
	for _, tag := range []string{"Japandi", "ｊａｐａｎｄｉ", "#japandi", "거실", "oak"} {
		b.do(ana, http.MethodPut, "/tags/"+url.PathEscape(tag)+"/follow", nil).Want(http.StatusNoContent)
	}
	require.Equal(t, []string{"oak", "거실", "japandi"}, b.followed(ana), "the latest first, each once")
	require.Empty(t, b.followed(ben))
	require.Equal(t, object{"is_following": true}, b.get(ana, "/tags/JAPANDI").Want(http.StatusOK).JSON()["viewer"])
	require.Equal(t, object{"is_following": false}, b.get(uuid.Nil, "/tags/japandi").Want(http.StatusOK).JSON()["viewer"])
	for range 2 {
		b.do(ana, http.MethodDelete, "/tags/JAPANDI/follow", nil).Want(http.StatusNoContent)
	}
	require.Equal(t, []string{"oak", "거실"}, b.followed(ana))

	for _, method := range []string{http.MethodPut, http.MethodDelete} {
		require.Equal(t, "posts.tag_not_found", b.do(ana, method, "/tags/no%20tag/follow", nil).Want(http.StatusNotFound).Code())
		b.do(uuid.Nil, method, "/tags/oak/follow", nil).Want(http.StatusUnauthorized)
	}
	require.Equal(t, "posts.tag_not_found", b.get(ana, "/tags/%23").Want(http.StatusNotFound).Code())
	b.get(uuid.Nil, "/me/tags").Want(http.StatusUnauthorized)
}

func TestTags_AreForgottenWithTheAccountAndBounded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.people.Add("ana")
	require.NoError(t, b.db.Conn(t.Context()).Exec(`
		INSERT INTO post_tag_follows (user_id, tag) SELECT ?, 'tag' || n FROM generate_series(1, 1000) n`, ana).Error)
	b.do(ana, http.MethodPut, "/tags/tag7/follow", nil).Want(http.StatusNoContent)
	require.Equal(t, "posts.too_many_tags", b.do(ana, http.MethodPut, "/tags/more/follow", nil).Want(http.StatusConflict).Code())
	require.NoError(t, b.db.InTx(t.Context(), func(ctx context.Context) error { return outbox.New(b.db).Publish(ctx, users.Deleted{UserID: ana}) }))
	taskstest.Drain(t, b.db, b.handlers...)
	require.Empty(t, b.followed(ana))
}

func TestTags_RelatedOnesAreThoseThatMostPeopleUseTogether(t *testing.T) {
	t.Parallel()
	b := setup(t)
	me, ana, ben, hidden := b.people.Add("me"), b.people.Add("ana"), b.people.Add("ben"), b.people.Add("hidden")
	related := func(viewer uuid.UUID) any { return b.get(viewer, "/tags/oak").Want(http.StatusOK).JSON()["related"] }
	require.Equal(t, []any{}, related(me))
	for n := range 3 {
		b.post(ana, fmt.Sprintf("#oak #mine %d", n))
	}
	b.post(ana, "#oak #linen")
	b.post(ben, "#oak #linen #brass")
	b.post(ben, "#brass #other")
	b.post(ben, "#oak #secret", object{"visibility": "followers"})
	b.post(hidden, "#oak #locked")
	b.people.SetPrivate(hidden, true)
	require.Equal(t, []any{"linen", "mine", "brass"}, related(me), "people before posts; only what everybody may see")
	require.Equal(t, []any{"linen", "mine", "brass"}, related(uuid.Nil))
	b.people.Block(me, ben)
	require.Equal(t, []any{"mine", "linen"}, related(me))
}
