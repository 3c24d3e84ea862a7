package internal

import (
	"context"
	"net/http"

	"atrium/platform/etag"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
)

func (h *HTTP) registerCategories(r *httpserver.Router) {
	route := func(method, path, name, summary string, status int) httpserver.Route {
		return httpserver.Route{Method: method, Path: path, Name: name, Summary: summary, Status: status, Roles: []string{identity.RoleAdmin}}
	}
	httpserver.Handle(r, route(http.MethodPost, "/admin/categories", "create-category", "Make a category", http.StatusCreated), h.createCategory)
	httpserver.Handle(r, route(http.MethodPatch, "/admin/categories/{slug}", "edit-category", "Change a category", 0), h.editCategory)
	httpserver.Handle(r, route(http.MethodDelete, "/admin/categories/{slug}", "delete-category", "Remove a category that nothing is in", http.StatusNoContent), h.deleteCategory)
}

func (h *HTTP) createCategory(ctx context.Context, in *struct {
	Body struct {
		Slug     string  `json:"slug" minLength:"1" maxLength:"120" example:"floor-lamps"`
		Name     string  `json:"name" minLength:"1" maxLength:"80" example:"Floor lamps"`
		Parent   *string `json:"parent,omitempty" doc:"slug of the category above" example:"lighting"`
		Position int     `json:"position,omitempty" minimum:"0" maximum:"10000" doc:"among its neighbours, the lowest first"`
	}
}) (*httpserver.Answer[categoryResponse], error) {
	c, err := h.service.CreateCategory(ctx, Category{Slug: in.Body.Slug, Name: in.Body.Name, ParentSlug: in.Body.Parent, Position: in.Body.Position})
	if err != nil {
		return nil, err
	}
	return &httpserver.Answer[categoryResponse]{ETag: etag.Format(c.Version), Location: "/v1/categories", Body: toCategory(c)}, nil
}

func (h *HTTP) editCategory(ctx context.Context, in *struct {
	Slug    string `path:"slug"`
	IfMatch string `header:"If-Match"`
	Body    struct {
		Name     *string          `json:"name,omitempty" minLength:"1" maxLength:"80" example:"Floor lamps"`
		Parent   nullable[string] `json:"parent,omitempty" doc:"slug of the category above; null: none"`
		Position *int             `json:"position,omitempty" minimum:"0" maximum:"10000"`
	}
}) (*httpserver.Answer[categoryResponse], error) {
	match, err := etag.Parse(in.IfMatch)
	if err != nil {
		return nil, err
	}
	c, err := h.service.EditCategory(ctx, in.Slug, match, CategoryChange{Name: in.Body.Name, Parent: in.Body.Parent.change(), Position: in.Body.Position})
	if err != nil {
		return nil, err
	}
	return &httpserver.Answer[categoryResponse]{ETag: etag.Format(c.Version), Body: toCategory(c)}, nil
}

func (h *HTTP) deleteCategory(ctx context.Context, in *struct {
	Slug string `path:"slug"`
}) (*httpserver.Empty, error) {
	return nil, h.service.DeleteCategory(ctx, in.Slug)
}
