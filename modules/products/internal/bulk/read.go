package bulk

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"atrium/platform/fault"
)

var (
	errHeader  = fault.Invalid("products.import_header", "The first line of the file does not name its columns.")
	errRow     = fault.Invalid("products.import_row", "The line cannot be read.")
	errCharset = errRow.Saying("The line is not in the charset of the file, which is UTF-8 unless the Content-Type says otherwise.")
	errTooLong = errRow.Saying("The line is longer than 256 kB.")
	// errUnclosed takes all that follows with it: where the line was meant to end cannot be known.
	errUnclosed = errRow.Saying("A quote that is opened in this line is never closed. Nothing behind it was read.")
)

// Line is one line of a file: what it says, or why it cannot be read.
type Line struct {
	Number int    // of the file, from 1
	SKU    string // as it stands there
	End    Position
	Item   Item
	Err    error
	values map[string]any
}

// Position is how far a file was read: in bytes of UTF-8, and in lines.
type Position struct {
	Bytes int64
	Lines int
}

// objects is an NDJSON file: one JSON object a line; empty lines are passed over.
type objects struct{ *lines }

func (o objects) next() (Line, error) {
	for {
		text, line, err := o.lines.next()
		r := Line{Number: line}
		switch text = bytes.TrimSpace(text); {
		case errors.Is(err, errTooLong):
			r.Err = err
		case err != nil:
			return Line{}, err
		case len(text) == 0:
			continue
		case !o.readable(text):
			r.Err = errCharset
		case !jsontext.Value(text).IsValid() || json.Unmarshal(text, &r.values) != nil || r.values == nil:
			r.Err = errRow.Saying("The line is not one JSON object in UTF-8.")
		default:
			r.Err = checkNUL(r.values)
		}
		return r, nil
	}
}

// checkNUL refuses texts that PostgreSQL cannot keep.
func checkNUL(values map[string]any) error {
	for name, value := range values {
		if hasNUL(value) {
			return errRow.At("/"+name, "must not contain U+0000")
		}
	}
	return nil
}

func hasNUL(value any) bool {
	switch v := value.(type) {
	case string:
		return strings.ContainsRune(v, 0)
	case []any:
		return slices.ContainsFunc(v, hasNUL)
	case map[string]any:
		for name, inside := range v {
			if hasNUL(name) || hasNUL(inside) {
				return true
			}
		}
	}
	return false
}

// table is a CSV file below the line of its columns' names: lines of cells, as spreadsheets write them, separated by commas, semicolons
// or tabs, names in letters of either case, cells that are missing at the end, lines of empty cells. An empty cell says nothing.
type table struct {
	*lines
	names []string // "" for a column without a name, which must be empty
}

// readHeader reads the names of the columns and finds out what separates them. Excel may say that in a line before: "sep=;".
func (t *table) readHeader() error {
	text, _, err := t.lines.next()
	if err != nil || !t.readable(text) {
		return errHeader.Because(err)
	}
	if sep, ok := bytes.CutPrefix(bytes.TrimSpace(text), []byte("sep=")); ok && len(sep) == 1 {
		t.separator = sep[0]
		if text, _, err = t.lines.next(); err != nil || !t.readable(text) {
			return errHeader.Because(err)
		}
	} else {
		t.separator = separatorOf(text)
	}
	cells, err := t.cells(text)
	if err != nil {
		return errHeader.Because(err)
	}
	for i, cell := range cells {
		name := strings.ToLower(strings.TrimSpace(cell))
		switch {
		case name != "" && kindOf(name) == "":
			return errHeader.At("/0/"+strconv.Itoa(i), "is no column: "+strconv.Quote(cell))
		case name != "" && slices.Contains(t.names, name):
			return errHeader.At("/0/"+strconv.Itoa(i), "is there twice: "+strconv.Quote(cell))
		}
		t.names = append(t.names, name)
	}
	if !slices.ContainsFunc(t.names, func(name string) bool { return name != "" }) {
		return errHeader
	}
	return nil
}

// separatorOf returns what a line of names is separated by. Names have none of these inside.
func separatorOf(header []byte) byte {
	best := byte(',')
	for _, separator := range []byte{';', '\t'} {
		if bytes.Count(header, []byte{separator}) > bytes.Count(header, []byte{best}) {
			best = separator
		}
	}
	return best
}

func (t *table) cells(text []byte) ([]string, error) {
	parser := csv.NewReader(bytes.NewReader(text))
	parser.Comma, parser.FieldsPerRecord = rune(t.separator), -1
	return parser.Read()
}

func (t *table) next() (Line, error) {
	for {
		text, line, err := t.lines.next()
		r := Line{Number: line}
		switch {
		case errors.Is(err, errTooLong), errors.Is(err, errUnclosed):
			r.Err = err
			return r, nil
		case err != nil:
			return Line{}, err
		case !t.readable(text):
			r.Err = errCharset
			return r, nil
		case len(bytes.TrimSpace(text)) == 0:
			continue
		}
		cells, err := t.cells(text)
		if err != nil {
			r.Err = errRow.Because(err)
			return r, nil
		}
		if !slices.ContainsFunc(cells, func(cell string) bool { return cell != "" }) {
			continue
		}
		r.values, r.Err = t.values(cells)
		return r, nil
	}
}

// values reads the cells of one line by the names of their columns.
func (t *table) values(cells []string) (map[string]any, error) {
	values := map[string]any{}
	var wrong error
	for i, cell := range cells {
		if cell == "" {
			continue
		}
		if i >= len(t.names) || t.names[i] == "" {
			wrong = errRow.Saying("The line has more cells than there are columns.")
			continue
		}
		name := t.names[i]
		value, err := valueOf(kindOf(name), cell)
		if err != nil {
			wrong = errRow.At("/"+name, err.Error())
			continue
		}
		values[name] = value
	}
	if wrong == nil {
		wrong = checkNUL(values)
	}
	return values, wrong
}

// valueOf reads a cell as JSON would have it.
func valueOf(kind, cell string) (any, error) {
	if cell == none {
		return nothingOf(kind), nil
	}
	cell = asWritten(cell)
	switch kind {
	case "number":
		n, err := strconv.ParseInt(strings.TrimSpace(cell), 10, 64)
		if err != nil {
			return nil, errors.New("must be a whole number")
		}
		return n, nil
	case "list":
		list := []any{}
		for _, part := range splitEscaped(cell, '|') {
			list = append(list, unescape(part))
		}
		return list, nil
	case "pairs":
		pairs := map[string]any{}
		for _, part := range splitEscaped(cell, '|') {
			name := splitEscaped(part, '=')[0]
			if len(name) == len(part) {
				return nil, errors.New("must be pairs like color=brass|size=L")
			}
			pairs[unescape(name)] = unescape(part[len(name)+1:])
		}
		return pairs, nil
	}
	return cell, nil
}

// nothingOf is the value of a cell that says that there is none.
func nothingOf(kind string) any {
	switch kind {
	case "text":
		return ""
	case "list":
		return []any{}
	case "pairs":
		return map[string]any{}
	}
	return nil
}
