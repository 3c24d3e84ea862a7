package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	gomail "github.com/wneessen/go-mail"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2/jwt"
)

// pushClient authenticates as Google's libraries do, from the credentials document.
func pushClient(t *testing.T, s *stack) *http.Client {
	t.Helper()
	var account struct {
		Email      string `json:"client_email"`
		PrivateKey string `json:"private_key"`
		TokenURL   string `json:"token_uri"`
	}
	require.NoError(t, json.Unmarshal([]byte(s.pushCredentials()), &account))
	config := &jwt.Config{Email: account.Email, PrivateKey: []byte(account.PrivateKey), TokenURL: account.TokenURL,
		Scopes: []string{"https://www.googleapis.com/auth/firebase.messaging"}}
	return config.Client(t.Context())
}

func sendPush(t *testing.T, s *stack, client *http.Client, body string) (int, object) {
	t.Helper()
	response, err := client.Post(s.urls.FCM+"/v1/projects/"+pushProject+"/messages:send", "application/json", strings.NewReader(body)) //nolint:noctx // a test
	require.NoError(t, err)
	defer response.Body.Close()
	var answer object
	require.NoError(t, json.NewDecoder(response.Body).Decode(&answer))
	if response.StatusCode == http.StatusServiceUnavailable {
		require.Equal(t, "1", response.Header.Get("Retry-After"))
	}
	return response.StatusCode, answer
}

func TestPush(t *testing.T) {
	s := standIns(t)
	client := pushClient(t, s)
	message := `{"message":{"token":"phone-1","notification":{"title":"T"},"data":{"a":"b"},"android":{"priority":"high"}}}`
	status, answer := sendPush(t, s, client, message)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, answer["name"], "projects/"+pushProject+"/messages/")

	for _, c := range []struct {
		behave, code string
		status       int
	}{
		{"unregistered", "UNREGISTERED", 404}, {"invalid_argument", "INVALID_ARGUMENT", 400}, {"unavailable", "UNAVAILABLE", 503},
	} {
		call(t, http.MethodPost, s.urls.FCM+"/tokens/phone-1", object{"behave": c.behave}, nil)
		status, answer = sendPush(t, s, client, message)
		require.Equal(t, c.status, status)
		content, err := json.Marshal(answer)
		require.NoError(t, err)
		require.Contains(t, string(content), `"errorCode":"`+c.code+`"`)
	}
	call(t, http.MethodPost, s.urls.FCM+"/tokens/phone-1", object{"behave": "ok"}, nil)
	require.Equal(t, http.StatusBadRequest, call(t, http.MethodPost, s.urls.FCM+"/tokens/phone-1", object{"behave": "dance"}, nil).StatusCode)

	var messages []object
	call(t, http.MethodGet, s.urls.FCM+"/messages?token=phone-1", nil, &messages)
	require.Len(t, messages, 1, "only what was accepted")
	require.Equal(t, object{"title": "T"}, messages[0]["notification"])
	require.Equal(t, object{"a": "b"}, messages[0]["data"])
	call(t, http.MethodGet, s.urls.FCM+"/messages?token=nobody", nil, &messages)
	require.Equal(t, []object{}, messages)
}

func TestPushRefusals(t *testing.T) {
	s := standIns(t)
	client := pushClient(t, s)
	for name, body := range map[string]string{
		"no token": `{"message":{"data":{}}}`, "data that is not text": `{"message":{"token":"x","data":{"a":1}}}`,
		"an unknown field": `{"message":{"token":"x","nonsense":1}}`, "too big": `{"message":{"token":"x","data":{"a":"` + strings.Repeat("x", 4100) + `"}}}`,
	} {
		status, _ := sendPush(t, s, client, body)
		require.Equal(t, http.StatusBadRequest, status, name)
	}
	status, _ := sendPush(t, s, http.DefaultClient, `{"message":{"token":"x"}}`)
	require.Equal(t, http.StatusUnauthorized, status)
	other, err := http.PostForm(s.urls.FCM+"/token", url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {"x.y.z"}}) //nolint:noctx // a test
	require.NoError(t, err)
	other.Body.Close()
	require.Equal(t, http.StatusBadRequest, other.StatusCode)
}

func TestMail(t *testing.T) {
	s := standIns(t)
	address, err := url.Parse(s.urls.SMTP)
	require.NoError(t, err)
	port, err := strconv.Atoi(address.Port())
	require.NoError(t, err)
	for name, options := range map[string][]gomail.Option{
		"plain": nil,
		"auth":  {gomail.WithSMTPAuth(gomail.SMTPAuthPlainNoEnc), gomail.WithUsername("u"), gomail.WithPassword("p")},
	} {
		client, err := gomail.NewClient(address.Hostname(), append(options, gomail.WithPort(port), gomail.WithTLSPolicy(gomail.NoTLS), gomail.WithoutNoop())...)
		require.NoError(t, err)
		message := gomail.NewMsg()
		require.NoError(t, message.From(mailFrom))
		require.NoError(t, message.To("Ann."+name+"@x.test", "other@x.test"))
		message.Subject("Grüße für 안녕 " + strings.Repeat("lang ", 30))
		message.SetMessageIDWithValue("fixed-" + name + "@atrium.test")
		message.SetGenHeader("List-Unsubscribe", "<https://x.test/u>")
		message.SetBodyString(gomail.TypeTextPlain, "Schön = gut\n"+strings.Repeat("wort ", 50))
		message.AddAlternativeString(gomail.TypeTextHTML, "<p>Schön</p>")
		require.NoError(t, client.DialAndSendWithContext(t.Context(), message))

		var messages []received
		call(t, http.MethodGet, s.urls.Mail+"/messages?to=ann."+name+"@X.test", nil, &messages)
		require.Len(t, messages, 1)
		got := messages[0]
		require.Equal(t, "fixed-"+name+"@atrium.test", got.MessageID)
		require.Equal(t, "hello@atrium.test", got.From)
		require.Equal(t, []string{"Ann." + name + "@x.test", "other@x.test"}, got.To)
		require.Equal(t, strings.TrimSpace("Grüße für 안녕 "+strings.Repeat("lang ", 30)), strings.TrimSpace(got.Subject))
		require.Contains(t, got.Text, "Schön = gut\nwort wort")
		require.Contains(t, got.HTML, "<p>Schön</p>")
		require.Equal(t, "<https://x.test/u>", got.Headers["List-Unsubscribe"])
	}
	var none []received
	call(t, http.MethodGet, s.urls.Mail+"/messages?to=nobody@x.test", nil, &none)
	require.NotNil(t, none)
	require.Empty(t, none)
}

func TestMailThatIsBroken(t *testing.T) {
	t.Parallel()
	require.Equal(t, "no header at all", parseMail([]byte("no header at all"), "a@b", nil).Text)
	nested := "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n\naGVsbG8=\n--b\nContent-Type: text/html; charset=iso-8859-1\n\n<b>\xe9</b>\n--b--\n--a\nContent-Type: text/plain\nContent-Disposition: attachment; filename=x\n\nno\n--a--\n"
	got := parseMail([]byte(nested), "a@b", []string{"c@d"})
	require.Equal(t, "hello", got.Text)
	require.Equal(t, "<b>é</b>", strings.TrimSpace(got.HTML))
	require.Equal(t, "a@b", got.From)
}
