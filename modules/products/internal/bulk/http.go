package bulk

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
	"go.uber.org/zap"

	"atrium/modules/products/internal/product"
	"atrium/platform/fault"
	"atrium/platform/httpserver"
)

// ErrQuery means that a route of lists has a parameter that it does not know, or cannot read.
var ErrQuery = fault.Invalid("products.bulk_query", "The query cannot be read.")

// HTTP serves exports.
type HTTP struct {
	service *Service
	log     *zap.Logger
}

func NewHTTP(service *Service, log *zap.Logger) *HTTP { return &HTTP{service: service, log: log} }

// Routes plugs in the routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "products", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	r.Raw(httpserver.Route{Method: http.MethodGet, Path: "/admin/products/export", Name: "export-products", Roles: product.EditorRoles, Limit: "import",
		Summary: "Exports the variants that the caller may change (?format=csv or ndjson), in the shape that the import takes: importing it changes nothing"}, h.exportFile)
}

// RowCheck returns what checks the values of lines, by the rules that Row states.
func RowCheck() Check {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	schema := huma.SchemaFromType(registry, reflect.TypeFor[Row]())
	return func(values map[string]any) []fault.Field {
		result := &huma.ValidateResult{}
		huma.Validate(registry, schema, huma.NewPathBuffer(nil, 0), huma.ModeWriteToServer, values, result)
		fields := make([]fault.Field, 0, len(result.Errors))
		for _, err := range result.Errors {
			fields = append(fields, fieldOf(err))
		}
		return fields
	}
}

func fieldOf(err error) fault.Field {
	var detail *huma.ErrorDetail
	if !errors.As(err, &detail) {
		return fault.Field{Detail: err.Error()}
	}
	return fault.Field{Pointer: "/" + strings.ReplaceAll(strings.NewReplacer("[", "/", "]", "").Replace(detail.Location), ".", "/"), Detail: detail.Message}
}

// Only returns the one parameter that a query may have.
func Only(c *gin.Context, name string) (string, error) {
	for other := range c.Request.URL.Query() {
		if other != name {
			return "", ErrQuery.At("query."+other, "is not known")
		}
	}
	return c.Query(name), nil
}

func (h *HTTP) exportFile(c *gin.Context) {
	format, err := Only(c, "format")
	if err == nil && format != "" && format != "csv" && format != "ndjson" {
		err = ErrQuery.At("query.format", "must be csv or ndjson")
	}
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	write := h.ndjson(c)
	if format != "ndjson" {
		write = h.csv(c)
	}
	err = h.service.Export(c.Request.Context(), product.EditorFrom(c.Request.Context()), func(batch []*product.Product) error {
		for _, p := range batch {
			for _, v := range p.Variants {
				if err := write(rowOf(p, v)); err != nil {
					return err
				}
			}
		}
		c.Writer.Flush()
		return nil
	})
	if err == nil {
		return
	}
	if !c.Writer.Written() {
		httpserver.Fail(c, err)
		return
	}
	h.log.Warn("export of products broke off", zap.Error(err))
	panic(http.ErrAbortHandler) // so that the client does not take half a list for a whole one
}

func (h *HTTP) ndjson(c *gin.Context) func(exportRow) error {
	c.Header("Content-Type", NDJSONType)
	encoder := json.NewEncoder(c.Writer)
	encoder.SetEscapeHTML(false)
	return func(r exportRow) error { return encoder.Encode(r) }
}

func (h *HTTP) csv(c *gin.Context) func(exportRow) error {
	c.Header("Content-Type", CSVType+"; charset=utf-8")
	c.Header("Content-Disposition", `attachment; filename="products.csv"`)
	table := csv.NewWriter(c.Writer)
	header := make([]string, len(columns))
	for i, column := range columns {
		header[i] = column.name
	}
	begun := false
	put := func(cells []string) error {
		if err := table.Write(cells); err != nil {
			return err
		}
		table.Flush()
		return table.Error()
	}
	return func(r exportRow) error {
		if !begun {
			begun = true
			if err := put(header); err != nil {
				return err
			}
		}
		return put(r.cells())
	}
}
