package channel_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/auth"
	"atrium/modules/notifications/internal/moduletest"
	"atrium/modules/posts"
	"atrium/platform/apptest"
	"atrium/platform/push"
	"atrium/platform/tasks/taskstest"
)

// channels are the API's NotificationChannels.
type channels struct {
	Push bool `json:"push"`
	Mail bool `json:"mail"`
}

func TestDevices(t *testing.T) {
	t.Parallel()
	t.Run("a token belongs to who registered it last", func(t *testing.T) {
		t.Parallel()
		b := moduletest.New(t)
		b.Phone(b.Ana, "phone", "shared")
		b.Phone(b.Ben, "phone", "shared")
		another := b.Posts.Add(b.Ben, "Another")
		b.Posts.Like(another, b.Ana)
		b.Publish(b.Liked(b.Ben), posts.Liked{PostID: another, AuthorID: b.Ben, UserID: b.Ana})
		require.Len(t, b.Phones.Sent, 1)
		require.Contains(t, b.Phones.Sent[0].Body, "Ana")
	})
	t.Run("an unregistered token is forgotten, an invalid message is not the token's fault", func(t *testing.T) {
		t.Parallel()
		b := moduletest.New(t)
		b.Phone(b.Ana, "phone", "t1")
		b.Phones.Fail = push.ErrInvalid
		require.NoError(t, b.DB.InTx(t.Context(), func(ctx context.Context) error { return b.Outbox.Publish(ctx, b.Liked(b.Ben)) }))
		taskstest.Try(t, b.DB, b.Handlers()...)
		found, err := b.Channels.Devices(t.Context(), b.Ana)
		devices := found[b.Ana]
		require.NoError(t, err)
		require.Len(t, devices, 1)
		b.Phones.Fail = push.ErrUnregistered
		b.Publish(b.Liked(b.People.Add("chiara")))
		found, err = b.Channels.Devices(t.Context(), b.Ana)
		devices = found[b.Ana]
		require.NoError(t, err)
		require.Empty(t, devices)
	})
	t.Run("a revoked session's device hears nothing more; theft is told to the others", func(t *testing.T) {
		t.Parallel()
		b := moduletest.New(t)
		b.Phone(b.Ana, "stolen", "t1")
		b.Phone(b.Ana, "tablet", "t2")
		b.Publish(auth.SessionRevoked{UserID: b.Ana, SessionID: uuid.New(), InstallationID: "stolen", Reason: "reuse"})
		require.Len(t, b.Phones.Sent, 1)
		require.Equal(t, "t2", b.Phones.Sent[0].Token)
		require.Equal(t, "security.session_revoked", b.Phones.Sent[0].Data["type"])
	})
	t.Run("a person has at most 20 devices, the newest", func(t *testing.T) {
		t.Parallel()
		b := moduletest.New(t)
		for n := range 20 + 3 {
			b.Phone(b.Ana, fmt.Sprint("phone", n), fmt.Sprint("t", n))
		}
		found, err := b.Channels.Devices(t.Context(), b.Ana)
		devices := found[b.Ana]
		require.NoError(t, err)
		require.Len(t, devices, 20)
		require.NotContains(t, fmt.Sprint(devices), "phone0 ")
	})
	t.Run("bad values are refused with pointers", func(t *testing.T) {
		t.Parallel()
		b := moduletest.New(t)
		r := b.Send(b.Ana, http.MethodPut, "/v1/me/devices/phone", map[string]string{
			"platform": "ios", "token": "t", "locale": "en", "timezone": "Mars/Olympus"}, http.StatusUnprocessableEntity)
		require.Contains(t, string(r.Body), "/body/timezone")
		r = b.Send(b.Ana, http.MethodPut, "/v1/me/devices/phone", map[string]string{
			"platform": "fridge", "token": "t", "locale": "en", "timezone": "UTC"}, http.StatusUnprocessableEntity)
		require.Contains(t, string(r.Body), "/body/platform")
	})
}

func TestFault_H7_SettingsThatChangeNothingKeepTheirVersion(t *testing.T) {
	t.Parallel()
	b := moduletest.New(t)
	change := func(types map[string]channels) *apptest.Response {
		return b.App.Do(t, apptest.Request{Token: apptest.As(b.Ana), Method: http.MethodPatch, Path: "/v1/me/notification-settings",
			Header: map[string]string{"If-Match": "*"}, Body: map[string]any{"types": types}}).Want(http.StatusOK)
	}
	said := change(map[string]channels{"post.liked": {Push: true}})
	require.Equal(t, `"2"`, said.Header.Get("ETag"))
	for _, same := range []map[string]channels{{}, {"post.liked": {Push: true}}, {"order.paid": {Push: true, Mail: true}}, {"user.followed": {Push: true, Mail: true}}} {
		answer := change(same)
		require.Equal(t, said.JSON(), answer.JSON(), same)
		require.Equal(t, `"2"`, answer.Header.Get("ETag"), same)
	}
	require.Equal(t, `"3"`, change(map[string]channels{"post.liked": {}}).Header.Get("ETag"))
}

func TestSettings(t *testing.T) {
	t.Parallel()
	b := moduletest.New(t)
	change := func(ifMatch string, types map[string]channels) *apptest.Response {
		return b.App.Do(t, apptest.Request{Token: apptest.As(b.Ana), Method: http.MethodPatch, Path: "/v1/me/notification-settings",
			Header: map[string]string{"If-Match": ifMatch}, Body: map[string]any{"types": types}})
	}
	silent := map[string]channels{"post.liked": {}}
	change("", silent).Want(http.StatusPreconditionRequired)
	change(`"1"`, map[string]channels{"order.paid": {}}).Want(http.StatusUnprocessableEntity)
	change(`"1"`, map[string]channels{"post.burned": {}}).Want(http.StatusUnprocessableEntity)
	half := b.App.Do(t, apptest.Request{Token: apptest.As(b.Ana), Method: http.MethodPatch, Path: "/v1/me/notification-settings",
		Header: map[string]string{"If-Match": "*"}, Body: map[string]any{"types": map[string]any{"post.liked": map[string]bool{"push": true}}}})
	require.Equal(t, "/body/types/post.liked/mail", half.Want(http.StatusUnprocessableEntity).JSON()["errors"].([]any)[0].(map[string]any)["pointer"])
	changed := change(`"1"`, silent).Want(http.StatusOK)
	require.Equal(t, `"2"`, changed.Header.Get("ETag"))
	stale := change(`"1"`, silent).Want(http.StatusPreconditionFailed)
	require.Equal(t, `"2"`, stale.Header.Get("ETag"))

	b.Phone(b.Ana, "phone", "t1")
	b.Publish(b.Liked(b.Ben))
	require.Len(t, b.List(b.Ana), 1)
	require.Empty(t, b.Phones.Sent)
	require.Empty(t, b.Mails.Sent)
}
