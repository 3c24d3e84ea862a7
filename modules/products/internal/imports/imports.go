// Package imports runs imports of the catalogue as jobs: the file is kept, its lines are put in some hundred at a time, and what was done
// is written down with them, so that an import that was interrupted goes on where it was.
package imports

import (
	"errors"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"atrium/modules/products/internal/bulk"
	"atrium/modules/products/internal/product"
	"atrium/platform/fault"
)

var (
	errNotFound = fault.NotFound("products.import_not_found", "There is no such import.")
	errRunning  = fault.Conflict("products.import_running", "Another import of yours is not finished yet.")
	errFinished = fault.Conflict("products.import_finished", "The import is finished.")
	errRow      = fault.Invalid("products.import_row", "The line cannot be taken.")
)

// Status is where an import stands.
type Status string

// The states of an import. The last three are final.
const (
	Queued    Status = "queued"
	Running   Status = "running"
	Done      Status = "done"
	Failed    Status = "failed"
	Cancelled Status = "cancelled"
)

// Import is a file that is put into the catalogue, and how far it got.
type Import struct {
	ID         uuid.UUID `gorm:"type:uuid;primaryKey"`
	OwnerID    uuid.UUID // who began it
	Admin      bool      // as an admin, who may change everybody's products
	DryRun     bool      // nothing is changed
	Status     Status
	Media      string
	Charset    string
	Position   int64 // how far the file was read, in bytes of UTF-8
	Line       int64 // and in lines
	Rows       int64
	Created    int64
	Updated    int64
	Unchanged  int64
	Failed     int64
	Problems   []Problem `gorm:"serializer:json"`
	CreatedAt  time.Time
	MovedAt    time.Time
	FinishedAt *time.Time
}

// TableName is where imports live.
func (Import) TableName() string { return "product_imports" }

// over reports whether nothing more will happen.
func (i *Import) over() bool { return i.Status != Queued && i.Status != Running }

// editor is on whose behalf it changes the catalogue.
func (i *Import) editor() product.Editor { return product.Editor{ID: i.OwnerID, Admin: i.Admin} }

// position is how far its file was read.
func (i *Import) position() bulk.Position {
	return bulk.Position{Bytes: i.Position, Lines: int(i.Line)}
}

// Problem is why a line was not imported.
type Problem struct {
	Line   int           `json:"line" doc:"of the file, from 1"`
	SKU    string        `json:"sku"`
	Code   string        `json:"code"`
	Detail string        `json:"detail"`
	Errors []fault.Field `json:"errors" doc:"pointers into the line"`
}

// SchemaName is its name in the OpenAPI document.
func (Problem) SchemaName() string { return "ImportProblem" }

// What a report holds at most: a file of nothing but mistakes must not make a report of its size.
const (
	maxProblems = 1000
	maxFields   = 20
	maxText     = 200 // bytes, of what stands in the file
)

// note counts a line and what became of it.
func (i *Import) note(line bulk.Line, r bulk.Result) {
	i.Rows++
	switch {
	case r.Err != nil:
		i.Failed++
		if len(i.Problems) < maxProblems {
			i.Problems = append(i.Problems, problemOf(line, r.Err))
		}
	case r.Outcome == bulk.Created:
		i.Created++
	case r.Outcome == bulk.Updated:
		i.Updated++
	default:
		i.Unchanged++
	}
}

func problemOf(line bulk.Line, err error) Problem {
	p := Problem{Line: line.Number, SKU: short(line.SKU), Code: errRow.Code, Detail: errRow.Message, Errors: []fault.Field{}}
	var f *fault.Error
	if !errors.As(err, &f) {
		return p
	}
	p.Code, p.Detail = f.Code, f.Message
	for _, field := range f.Fields[:min(len(f.Fields), maxFields)] {
		p.Errors = append(p.Errors, fault.Field{Pointer: short(pointerOf(field.Pointer)), Detail: short(field.Detail)})
	}
	return p
}

// short cuts what stands in the file, between characters.
func short(text string) string {
	if len(text) <= maxText {
		return text
	}
	end := maxText
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

// pointerOf names the value of a line that a value of a request's body stands for.
func pointerOf(pointer string) string {
	switch pointer {
	case "/body/price/amount":
		return "/price_amount"
	case "/body/price/currency":
		return "/price_currency"
	case "/body/compare_at_price":
		return "/compare_at_amount"
	case "/body/sale/price":
		return "/sale_amount"
	case "/body/sale/ends_at":
		return "/sale_ends_at"
	case "/body/slug":
		return "/product"
	case "/body/category":
		return "/category"
	}
	return pointer
}

// twice is the fault of a line whose SKU an earlier one has.
func twice(line int) error {
	return errRow.Saying("The line cannot be read.").At("/sku", "is in line "+strconv.Itoa(line)+" already")
}
