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

// AuthCodeURL returns the provider's page on which a person signs in by the redirect flow. The nonce comes back in the ID token.
func (p *Provider) AuthCodeURL(ctx context.Context, callback, state, nonce string) (string, error) {
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

// ExchangeCallback exchanges the code of a callback's form for verified claims and, from Apple, a refresh token. It returns
// auth.ErrInvalidIDToken for a code that is refused and auth.ErrProviderDown where the provider does not answer.
func (p *Provider) ExchangeCallback(ctx context.Context, callback string, form url.Values) (Claims, string, error) {
	flow, err := p.flow(ctx, callback)
	if err != nil {
		return Claims{}, "", err
	}
	session := &openidConnect.Session{}
	if _, err := session.Authorize(flow, url.Values{"code": {form.Get("code")}}); err != nil {
		return Claims{}, "", exchangeFailed(err)
	}
	claims, err := p.Verify(ctx, session.IDToken)
	if err != nil {
		return Claims{}, "", err
	}
	if claims.Name == "" {
		claims.Name = appleName(form.Get("user"))
	}
	return claims, session.RefreshToken, nil
}

// flow is goth's client of the provider. goth does not verify signatures: ExchangeCallback does.
func (p *Provider) flow(ctx context.Context, callback string) (*openidConnect.Provider, error) {
	at, err := p.discover(ctx)
	if err != nil {
		return nil, err
	}
	secret, err := p.secret(p.webClient)
	if err != nil {
		return nil, err
	}
	flow, err := openidConnect.NewCustomisedURL(p.webClient, secret, callback, at.authorize, at.token, p.issuer, "", "", p.scopes...)
	if err != nil {
		return nil, auth.ErrProviderDown.Because(err)
	}
	flow.HTTPClient = p.client
	return flow, nil
}

// ExchangeAppCode exchanges the authorization code that an app got beside an ID token for the provider's refresh token. It
// returns auth.ErrInvalidIDToken where the code is refused or belongs to another person than the claims.
func (p *Provider) ExchangeAppCode(ctx context.Context, code string, claims Claims) (string, error) {
	at, err := p.discover(ctx)
	if err != nil {
		return "", err
	}
	secret, err := p.secret(claims.Client)
	if err != nil {
		return "", err
	}
	cfg := oauth2.Config{ClientID: claims.Client, ClientSecret: secret, Endpoint: oauth2.Endpoint{
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
	if owner.Subject != claims.Subject {
		return "", auth.ErrInvalidIDToken.Because(errors.New("the code is somebody else's"))
	}
	return token.RefreshToken, nil
}

// Revoke revokes a refresh token at the provider, as Apple requires when an account is erased. Idempotent.
func (p *Provider) Revoke(ctx context.Context, client, token string) error {
	at, err := p.discover(ctx)
	if err != nil || at.revocation == "" {
		return err
	}
	secret, err := p.secret(client)
	if err != nil {
		return err
	}
	form := url.Values{"client_id": {client}, "client_secret": {secret}, "token": {token}, "token_type_hint": {"refresh_token"}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, at.revocation, strings.NewReader(form.Encode()))
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

// exchangeFailed distinguishes a refused code from a provider that is down. The library's text is not quoted: it may hold the code.
func exchangeFailed(err error) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.Response != nil && refused.Response.StatusCode < http.StatusInternalServerError {
		return auth.ErrInvalidIDToken.Because(errors.New("the code was refused: " + refused.ErrorCode))
	}
	return auth.ErrProviderDown.Because(errors.New("the code could not be exchanged"))
}

// appleName reads the person's name from the JSON that Apple sends beside the first code only; "" where there is none.
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
