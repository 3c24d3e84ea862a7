package bulk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strconv"

	"atrium/modules/products/internal/product"
	"atrium/platform/fault"
)

// Problem is why a line was not imported.
type Problem struct {
	Line   int           `json:"line" doc:"of the file, from 1"`
	SKU    string        `json:"sku"`
	Code   string        `json:"code"`
	Detail string        `json:"detail"`
	Errors []fault.Field `json:"errors" doc:"pointers into the line"`
}

// Report is the outcome of an import. Each line is imported or not by itself: correct those that failed, and send the file again.
type Report struct {
	DryRun    bool      `json:"dry_run" doc:"nothing was changed"`
	Rows      int       `json:"rows"`
	Created   int       `json:"created"`
	Updated   int       `json:"updated"`
	Unchanged int       `json:"unchanged"`
	Failed    int       `json:"failed"`
	Problems  []Problem `json:"problems" doc:"of the lines that failed, the first 1,000"`
}

const maxProblems = 1000

// importer imports one file.
type importer struct {
	service *Service
	editor  product.Editor
	dryRun  bool
	check   func(values map[string]any) []fault.Field
	report  Report
	skus    map[string]int  // the line that had it
	made    map[string]Item // of a dry run: what would have made each product
}

func newImporter(service *Service, editor product.Editor, dryRun bool, check func(map[string]any) []fault.Field) *importer {
	return &importer{
		service: service, editor: editor, dryRun: dryRun, check: check, report: Report{DryRun: dryRun, Problems: []Problem{}},
		skus: map[string]int{}, made: map[string]Item{},
	}
}

// run imports line after line, each in a transaction of its own. On an error of ours, or of a client that went away, what was imported stays,
// and sending the file again goes on from there.
func (i *importer) run(ctx context.Context, next reader) error {
	for {
		r, err := next()
		if errors.Is(err, io.EOF) {
			if r.err != nil {
				i.failed(r, "", r.err)
			}
			return nil
		}
		if err != nil {
			return err
		}
		i.report.Rows++
		if err := i.take(ctx, r); err != nil {
			return err
		}
	}
}

func (i *importer) take(ctx context.Context, r record) error {
	sku, _ := r.values["sku"].(string)
	if r.err != nil {
		i.failed(r, sku, r.err)
		return nil //nolint:nilerr // the line is in the report; the next one is read
	}
	if fields := i.check(r.values); len(fields) > 0 {
		i.failed(r, sku, &fault.Error{Kind: fault.KindInvalid, Code: errRow.Code, Message: "Something in the line is wrong.", Fields: fields})
		return nil
	}
	row, err := rowFrom(r.values)
	if err != nil {
		i.failed(r, sku, errRow.Because(err))
		return nil
	}
	if before, twice := i.skus[row.SKU]; twice {
		i.failed(r, sku, errRow.At("/sku", "is in line "+strconv.Itoa(before)+" already"))
		return nil
	}
	i.skus[row.SKU] = r.line
	outcome, err := i.service.Put(ctx, i.editor, i.withFirstLine(row.item()), i.dryRun)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && fault.KindOf(err) == fault.KindInternal, err != nil && fault.KindOf(err) == fault.KindUnavailable:
		return err
	case err != nil:
		i.failed(r, sku, err)
	case outcome == Created:
		i.report.Created++
	case outcome == Updated:
		i.report.Updated++
	default:
		i.report.Unchanged++
	}
	return nil
}

// withFirstLine completes a line of a dry run from the earlier line that would have created its product.
func (i *importer) withFirstLine(item Item) Item {
	if !i.dryRun || item.Product == "" {
		return item
	}
	if first, ok := i.made[item.Product]; ok {
		if item.Change.Name == nil {
			item.Change.Name = first.Change.Name
		}
		if item.Change.Category == nil {
			item.Change.Category = first.Change.Category
		}
		return item
	}
	i.made[item.Product] = item
	return item
}

func (i *importer) failed(r record, sku string, err error) {
	i.report.Failed++
	if len(i.report.Problems) == maxProblems {
		return
	}
	p := Problem{Line: r.line, SKU: sku, Code: errRow.Code, Detail: "The line cannot be taken.", Errors: []fault.Field{}}
	var f *fault.Error
	if errors.As(err, &f) {
		p.Code, p.Detail = f.Code, f.Message
		for _, field := range f.Fields {
			p.Errors = append(p.Errors, fault.Field{Pointer: pointerOf(field.Pointer), Detail: field.Detail})
		}
	}
	i.report.Problems = append(i.report.Problems, p)
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
	case "/body/slug":
		return "/product"
	case "/body/category":
		return "/category"
	}
	return pointer
}

// rowFrom reads values that were checked.
func rowFrom(values map[string]any) (Row, error) {
	var row Row
	raw, err := json.Marshal(values)
	if err != nil {
		return row, err
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	return row, decoder.Decode(&row)
}
