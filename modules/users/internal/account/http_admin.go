package account

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"atrium/modules/users"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
)

func (h *HTTP) registerAdmin(r *httpserver.Router) {
	admin := func(method, path, name, summary string) httpserver.Route {
		return httpserver.Route{Method: method, Path: path, Name: name, Summary: summary, Roles: []string{identity.RoleAdmin}, Fresh: true}
	}
	httpserver.Handle(r, admin(http.MethodPost, "/admin/users/{id}/suspend", "suspend-user", "Suspends an account"), h.suspend)
	httpserver.Handle(r, admin(http.MethodPost, "/admin/users/{id}/reinstate", "reinstate-user", "Reinstates a suspended account"), h.reinstate)
	httpserver.Handle(r, admin(http.MethodPut, "/admin/users/{id}/roles", "set-roles", "Sets a person's roles to exactly these"), h.setRoles)
}

// AdminPath names an account by its id.
type AdminPath struct {
	ID string `path:"id" example:"0199c2f0-1f4e-7a53-b1f4-9f2f6a1f0001"`
}

func (in AdminPath) user() (uuid.UUID, error) { return httpserver.PathID(in.ID, users.ErrNotFound) }

func (h *HTTP) suspend(ctx context.Context, in *AdminPath) (*httpserver.Empty, error) {
	id, err := in.user()
	if err != nil {
		return nil, err
	}
	by := identity.From(ctx).UserID
	if id == by {
		return nil, users.ErrSelf
	}
	return httpserver.NoContent(h.accounts.Suspend(ctx, id, by))
}

func (h *HTTP) reinstate(ctx context.Context, in *AdminPath) (*httpserver.Empty, error) {
	id, err := in.user()
	if err != nil {
		return nil, err
	}
	return httpserver.NoContent(h.accounts.Reinstate(ctx, id))
}

type rolesRequest struct {
	AdminPath
	Body struct {
		Roles []string `json:"roles" nullable:"false" maxItems:"10" enum:"user,seller,moderator,support,admin" example:"[\"seller\"]"`
	}
}

func (h *HTTP) setRoles(ctx context.Context, in *rolesRequest) (*meResponse, error) {
	id, err := in.user()
	if err != nil {
		return nil, err
	}
	me, err := h.accounts.SetRoles(ctx, id, in.Body.Roles, identity.From(ctx).UserID)
	if err != nil {
		return nil, err
	}
	return toMe(me), nil
}
