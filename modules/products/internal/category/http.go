package category

import (
	"context"
	"net/http"

	"atrium/platform/etag"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/page"
)

// HTTP serves categories.
type HTTP struct{ service *Service }

func NewHTTP(service *Service) *HTTP { return &HTTP{service: service} }

// Routes plugs in the routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "products", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/categories", Name: "list-categories", Summary: "Lists the categories", Access: httpserver.Open}, h.list)
	route := func(method, path, name, summary string, status int) httpserver.Route {
		return httpserver.Route{Method: method, Path: path, Name: name, Summary: summary, Status: status, Roles: []string{identity.RoleAdmin}}
	}
	httpserver.Handle(r, route(http.MethodPost, "/admin/categories", "create-category", "Creates a category", http.StatusCreated), h.create)
	httpserver.Handle(r, route(http.MethodPatch, "/admin/categories/{slug}", "edit-category", "Changes a category", 0), h.edit)
	httpserver.Handle(r, route(http.MethodDelete, "/admin/categories/{slug}", "delete-category", "Deletes a category that nothing is in", http.StatusNoContent), h.delete)
}

func (h *HTTP) list(ctx context.Context, in *page.Query) (*httpserver.Answer[page.List[categoryResponse]], error) {
	rows, err := h.service.All(ctx)
	if err != nil {
		return nil, err
	}
	items := make([]categoryResponse, len(rows))
	for i, c := range rows {
		items[i] = toCategory(c)
	}
	list, err := page.Whole(*in, items)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(list), nil
}

func (h *HTTP) create(ctx context.Context, in *struct {
	Body struct {
		Slug     string  `json:"slug" minLength:"1" maxLength:"120" example:"floor-lamps"`
		Name     string  `json:"name" minLength:"1" maxLength:"80" example:"Floor lamps"`
		Parent   *string `json:"parent,omitempty" doc:"slug of the category above" example:"lighting"`
		Position int     `json:"position,omitempty" minimum:"0" maximum:"10000" doc:"among its neighbours, the lowest first"`
	}
}) (*httpserver.Answer[categoryResponse], error) {
	c, err := h.service.Create(ctx, Category{Slug: in.Body.Slug, Name: in.Body.Name, ParentSlug: in.Body.Parent, Position: in.Body.Position})
	if err != nil {
		return nil, err
	}
	return &httpserver.Answer[categoryResponse]{ETag: etag.Format(c.Version), Location: "/v1/categories", Body: toCategory(c)}, nil
}

func (h *HTTP) edit(ctx context.Context, in *struct {
	Slug    string `path:"slug"`
	IfMatch string `header:"If-Match"`
	Body    struct {
		Name     *string                     `json:"name,omitempty" minLength:"1" maxLength:"80" example:"Floor lamps"`
		Parent   httpserver.Nullable[string] `json:"parent,omitempty" doc:"slug of the category above; null: none"`
		Position *int                        `json:"position,omitempty" minimum:"0" maximum:"10000"`
	}
}) (*httpserver.Answer[categoryResponse], error) {
	match, err := etag.Parse(in.IfMatch)
	if err != nil {
		return nil, err
	}
	c, err := h.service.Edit(ctx, in.Slug, match, Change{Name: in.Body.Name, Parent: in.Body.Parent.Change(), Position: in.Body.Position})
	if err != nil {
		return nil, err
	}
	return &httpserver.Answer[categoryResponse]{ETag: etag.Format(c.Version), Body: toCategory(c)}, nil
}

func (h *HTTP) delete(ctx context.Context, in *struct {
	Slug string `path:"slug"`
}) (*httpserver.Empty, error) {
	return httpserver.NoContent(h.service.Delete(ctx, in.Slug))
}

type categoryResponse struct {
	Slug       string  `json:"slug" example:"lighting"`
	ParentSlug *string `json:"parent" doc:"slug of the category above; null at the top"`
	Name       string  `json:"name" example:"Lighting"`
	Position   int     `json:"position" doc:"among its neighbours" example:"1"`
	Version    int64   `json:"version" example:"1"`
}

// SchemaName is its name in the OpenAPI document.
func (categoryResponse) SchemaName() string { return "Category" }

func toCategory(c Category) categoryResponse { return categoryResponse(c) }
