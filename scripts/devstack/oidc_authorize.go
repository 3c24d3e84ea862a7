package main

import (
	"encoding/json"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// authorize shows a page on which one picks who signs in. A request that already
// names sub and email goes straight back, which is how tests sign in.
func (i *issuer) authorize(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	redirect, err := url.Parse(query.Get("redirect_uri"))
	// Without a known client and a redirect there is nobody to send an error to.
	if !slices.Contains(i.clients, query.Get("client_id")) {
		http.Error(w, "client_id is not known", http.StatusBadRequest)
		return
	}
	if err != nil || redirect.Scheme == "" {
		http.Error(w, "redirect_uri is not a full URL", http.StatusBadRequest)
		return
	}
	formPost := i.apple && query.Get("response_mode") == "form_post"
	method := query.Get("code_challenge_method")
	answer := url.Values{}
	if state := query.Get("state"); state != "" {
		answer.Set("state", state)
	}
	switch {
	case query.Get("response_type") != "code":
		answer.Set("error", "unsupported_response_type")
	case query.Get("code_challenge") != "" && method != "S256":
		answer.Set("error", "invalid_request")
		answer.Set("error_description", "code_challenge_method is S256")
	case query.Has("deny"):
		answer.Set("error", map[bool]string{true: "user_cancelled_authorize", false: "access_denied"}[i.apple])
	case query.Get("sub") == "" || query.Get("email") == "":
		i.showPeople(w, query)
		return
	default:
		i.grantCode(query, answer, formPost)
	}
	if formPost {
		render(w, formPostPage, map[string]any{"Action": redirect.String(), "Fields": flatten(answer)})
		return
	}
	back := redirect.Query()
	for name, values := range answer {
		back[name] = values
	}
	redirect.RawQuery = back.Encode()
	http.Redirect(w, r, redirect.String(), http.StatusFound)
}

func (i *issuer) grantCode(query, answer url.Values, formPost bool) {
	verified := query.Get("email_verified") != "false"
	who := person{Subject: query.Get("sub"), Email: query.Get("email"), Name: query.Get("name"), EmailVerified: &verified}
	i.mu.Lock()
	defer i.mu.Unlock()
	answer.Set("code", i.issueCode(grant{
		client: query.Get("client_id"), redirect: query.Get("redirect_uri"),
		nonce: query.Get("nonce"), challenge: query.Get("code_challenge"), person: who,
	}))
	// Apple tells the name only here, and only by form.
	if formPost && who.Name != "" {
		first, last, _ := strings.Cut(who.Name, " ")
		user, _ := json.Marshal(map[string]any{"name": map[string]string{"firstName": first, "lastName": last}, "email": who.Email})
		answer.Set("user", string(user))
	}
}

// showPeople asks who signs in; the form comes back to the same path.
func (i *issuer) showPeople(w http.ResponseWriter, query url.Values) {
	name := "Google"
	if i.apple {
		name = "Apple"
	}
	hint := query.Get("login_hint")
	for _, own := range []string{"sub", "email", "name", "email_verified"} {
		query.Del(own)
	}
	render(w, peoplePage, map[string]any{"Provider": name, "Hint": hint, "Fields": flatten(query)})
}

func render(w http.ResponseWriter, page *template.Template, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_ = page.Execute(w, data)
}

type field struct{ Name, Value string }

func flatten(values url.Values) []field {
	var fields []field
	for name, list := range values {
		for _, value := range list {
			fields = append(fields, field{name, value})
		}
	}
	slices.SortFunc(fields, func(a, b field) int { return strings.Compare(a.Name, b.Name) })
	return fields
}

var peoplePage = template.Must(template.New("people").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{{.Provider}} (local stand-in)</title>
<style>body{font:16px system-ui;max-width:24rem;margin:4rem auto}label{display:block;margin:.8rem 0}input{width:100%;font:inherit}</style>
<h1>{{.Provider}}</h1><p>A local stand-in. Choose who signs in.</p>
<form method="get">
{{range .Fields}}<input type="hidden" name="{{.Name}}" value="{{.Value}}">
{{end}}<label>E-mail <input name="email" type="email" required value="{{.Hint}}"></label>
<label>Subject <input name="sub" required value="{{.Hint}}"></label>
<label>Name <input name="name"></label>
<button>Sign in</button> <button name="deny" value="1" formnovalidate>Cancel</button>
</form></html>
`))

var formPostPage = template.Must(template.New("post").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Signing in</title>
<body onload="document.forms[0].submit()">
<form method="post" action="{{.Action}}">
{{range .Fields}}<input type="hidden" name="{{.Name}}" value="{{.Value}}">
{{end}}<noscript><button>Continue</button></noscript>
</form></body></html>
`))
