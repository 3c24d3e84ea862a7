package stock

import (
	"context"
	"net/http"

	"atrium/modules/products/internal/product"
	"atrium/platform/httpserver"
)

// HTTP serves stock to editors.
type HTTP struct{ service *Service }

func NewHTTP(service *Service) *HTTP { return &HTTP{service: service} }

// Routes plugs in the routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "products", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{Method: http.MethodPost, Path: "/admin/variants/{id}/stock", Name: "adjust-stock", Roles: product.EditorRoles,
		Status: http.StatusOK, Summary: "Adds pieces to the stock of a variant, or takes them out"}, h.adjust)
}

func (h *HTTP) adjust(ctx context.Context, in *struct {
	ID   string `path:"id"`
	Body struct {
		Delta  int64  `json:"delta" minimum:"-1000000000" maximum:"1000000000" example:"25" doc:"pieces more, or fewer where negative"`
		Reason string `json:"reason" minLength:"1" maxLength:"200" example:"delivery"`
	}
}) (*httpserver.Answer[levelResponse], error) {
	id, err := httpserver.PathID(in.ID, product.ErrVariantNotFound)
	if err != nil {
		return nil, err
	}
	level, err := h.service.Adjust(ctx, product.EditorFrom(ctx), id, in.Body.Delta, in.Body.Reason)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(levelResponse{level.OnHand, level.Reserved, level.Available()}), nil
}

type levelResponse struct {
	OnHand    int64 `json:"on_hand"`
	Reserved  int64 `json:"reserved"`
	Available int64 `json:"available"`
}

// SchemaName is its name in the OpenAPI document.
func (levelResponse) SchemaName() string { return "StockLevel" }
