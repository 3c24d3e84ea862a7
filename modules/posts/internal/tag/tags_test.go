package tag_test

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
func (b *bundle) followed(as uuid.UUID) []string {
	b.T.Helper()
	tags := []string{}
	for cursor := ""; ; {
		page := b.Page(as, "/me/tags?limit=2", cursor)
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
	ana, ben := b.People.Add("ana"), b.People.Add("ben")
	for _, tag := range []string{"Japandi", "ｊａｐａｎｄｉ", "#japandi", "거실", "oak"} {
		b.Send(ana, http.MethodPut, "/tags/"+url.PathEscape(tag)+"/follow", nil).Want(http.StatusNoContent)
	}
	require.Equal(t, []string{"oak", "거실", "japandi"}, b.followed(ana), "the latest first, each once")
	require.Empty(t, b.followed(ben))
	require.Equal(t, object{"is_following": true}, b.Get(ana, "/tags/JAPANDI").Want(http.StatusOK).JSON()["viewer"])
	require.Equal(t, object{"is_following": false}, b.Get(uuid.Nil, "/tags/japandi").Want(http.StatusOK).JSON()["viewer"])
	for range 2 {
		b.Send(ana, http.MethodDelete, "/tags/JAPANDI/follow", nil).Want(http.StatusNoContent)
	}
	require.Equal(t, []string{"oak", "거실"}, b.followed(ana))

	for _, method := range []string{http.MethodPut, http.MethodDelete} {
		require.Equal(t, "posts.tag_not_found", b.Send(ana, method, "/tags/no%20tag/follow", nil).Want(http.StatusNotFound).Code())
		b.Send(uuid.Nil, method, "/tags/oak/follow", nil).Want(http.StatusUnauthorized)
	}
	require.Equal(t, "posts.tag_not_found", b.Get(ana, "/tags/%23").Want(http.StatusNotFound).Code())
	b.Get(uuid.Nil, "/me/tags").Want(http.StatusUnauthorized)
}

func TestTags_AreForgottenWithTheAccountAndBounded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.People.Add("ana")
	require.NoError(t, b.DB.Conn(t.Context()).Exec(`
		INSERT INTO post_tag_follows (user_id, tag) SELECT ?, 'tag' || n FROM generate_series(1, 1000) n`, ana).Error)
	b.Send(ana, http.MethodPut, "/tags/tag7/follow", nil).Want(http.StatusNoContent)
	require.Equal(t, "posts.too_many_tags", b.Send(ana, http.MethodPut, "/tags/more/follow", nil).Want(http.StatusConflict).Code())
	require.NoError(t, b.DB.InTx(t.Context(), func(ctx context.Context) error { return outbox.New(b.DB).Publish(ctx, users.Deleted{UserID: ana}) }))
	taskstest.Drain(t, b.DB, b.Handlers...)
	require.Empty(t, b.followed(ana))
}

func TestTags_RelatedOnesAreThoseThatMostPeopleUseTogether(t *testing.T) {
	t.Parallel()
	b := setup(t)
	me, ana, ben, hidden := b.People.Add("me"), b.People.Add("ana"), b.People.Add("ben"), b.People.Add("hidden")
	related := func(viewer uuid.UUID) any { return b.Get(viewer, "/tags/oak").Want(http.StatusOK).JSON()["related"] }
	require.Equal(t, []any{}, related(me))
	for n := range 3 {
		b.Publish(ana, fmt.Sprintf("#oak #mine %d", n))
	}
	b.Publish(ana, "#oak #linen")
	b.Publish(ben, "#oak #linen #brass")
	b.Publish(ben, "#brass #other")
	b.Publish(ben, "#oak #secret", object{"visibility": "followers"})
	b.Publish(hidden, "#oak #locked")
	b.People.SetPrivate(hidden, true)
	require.Equal(t, []any{"linen", "mine", "brass"}, related(me), "people before posts; only what everybody may see")
	require.Equal(t, []any{"linen", "mine", "brass"}, related(uuid.Nil))
	b.People.Block(me, ben)
	require.Equal(t, []any{"mine", "linen"}, related(me))
}
