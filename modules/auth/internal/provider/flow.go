package provider

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/markbates/goth/providers/openidConnect"
	"golang.org/x/oauth2"

	"atrium/modules/auth"
)

// Begin returns where to send a person who signs in by the redirect flow. nonce comes back in the ID token.
func (p *Provider) Begin(ctx context.Context, callback, state, nonce string) (string, error) {
	flow, err := p.flow(ctx, callback)
	if err != nil {
		return "", err
	}
	params := map[string]string{"nonce": nonce}
	if p.formPost {
		params["response_mode"] = "form_post"
	}
	flow.SetAuthCodeOptions(params)
	session, err := flow.BeginAuth(state)
	if err != nil {
		return "", auth.ErrProviderDown.Because(err)
	}
	target, err := session.GetAuthURL()
	if err != nil {
		return "", auth.ErrProviderDown.Because(err)
	}
	return strings.ReplaceAll(target, "+", "%20"), nil // Apple reads no +
}

// Finish turns the code that came back into a person and, from Apple, a refresh token. form is the provider's answer.
func (p *Provider) Finish(ctx context.Context, callback string, form url.Values) (Person, string, error) {
	flow, err := p.flow(ctx, callback)
	if err != nil {
		return Person{}, "", err
	}
	session := &openidConnect.Session{}
	if _, err := session.Authorize(flow, url.Values{"code": {form.Get("code")}}); err != nil {
		return Person{}, "", exchangeFailed(err)
	}
	person, err := p.Verify(ctx, session.IDToken)
	if err != nil {
		return Person{}, "", err
	}
	if person.Name == "" {
		person.Name = appleName(form.Get("user"))
	}
	return person, session.RefreshToken, nil
}

// flow is goth's view of the provider. goth does not check signatures: Finish does.
func (p *Provider) flow(ctx context.Context, callback string) (*openidConnect.Provider, error) {
	at, err := p.discover(ctx)
	if err != nil {
		return nil, err
	}
	secret, err := p.secret(p.web)
	if err != nil {
		return nil, err
	}
	flow, err := openidConnect.NewCustomisedURL(p.web, secret, callback, at.authorize, at.token, p.issuer, "", "", p.scopes...)
	if err != nil {
		return nil, auth.ErrProviderDown.Because(err)
	}
	flow.HTTPClient = p.client
	return flow, nil
}

// Exchange turns the authorization code that an app got together with an ID token into the provider's refresh token.
// The code must belong to the same person.
func (p *Provider) Exchange(ctx context.Context, code string, person Person) (string, error) {
	at, err := p.discover(ctx)
	if err != nil {
		return "", err
	}
	secret, err := p.secret(person.Client)
	if err != nil {
		return "", err
	}
	cfg := oauth2.Config{ClientID: person.Client, ClientSecret: secret, Endpoint: oauth2.Endpoint{
		TokenURL: at.token, AuthStyle: oauth2.AuthStyleInParams,
	}}
	token, err := cfg.Exchange(context.WithValue(ctx, oauth2.HTTPClient, p.client), code)
	if err != nil {
		return "", exchangeFailed(err)
	}
	raw, _ := token.Extra("id_token").(string)
	owner, err := p.Verify(ctx, raw)
	if err != nil {
		return "", err
	}
	if owner.Subject != person.Subject {
		return "", auth.ErrInvalidIDToken.Because(errors.New("the code is somebody else's"))
	}
	return token.RefreshToken, nil
}

// Revoke gives a refresh token back, as Apple wants it when an account is erased. Revoking twice is no error.
func (p *Provider) Revoke(ctx context.Context, client, token string) error {
	at, err := p.discover(ctx)
	if err != nil || at.revoked == "" {
		return err
	}
	secret, err := p.secret(client)
	if err != nil {
		return err
	}
	form := url.Values{"client_id": {client}, "client_secret": {secret}, "token": {token}, "token_type_hint": {"refresh_token"}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, at.revoked, strings.NewReader(form.Encode()))
	if err != nil {
		return auth.ErrProviderDown.Because(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := p.client.Do(request)
	if err != nil {
		return auth.ErrProviderDown.Because(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return auth.ErrProviderDown.Because(errors.New("revoke: " + response.Status))
	}
	return nil
}

// exchangeFailed tells a refused code from a provider that is down. The reason is not quoted: it may hold the code.
func exchangeFailed(err error) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.Response != nil && refused.Response.StatusCode < http.StatusInternalServerError {
		return auth.ErrInvalidIDToken.Because(errors.New("the code was refused: " + refused.ErrorCode))
	}
	return auth.ErrProviderDown.Because(errors.New("the code could not be exchanged"))
}

// appleName reads the name that Apple sends once, beside the code, as JSON.
func appleName(text string) string {
	var user struct {
		Name struct {
			First string `json:"firstName"`
			Last  string `json:"lastName"`
		} `json:"name"`
	}
	if text == "" || json.Unmarshal([]byte(text), &user) != nil {
		return ""
	}
	return strings.TrimSpace(user.Name.First + " " + user.Name.Last)
}
