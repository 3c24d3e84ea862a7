package bulk

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
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
)

// record is one line of a file: what it says, or why it cannot be read.
type record struct {
	line   int
	values map[string]any
	err    error
}

// reader gives one record after the other, then io.EOF. Any other error ends the file.
type reader func() (record, error)

// readNDJSON reads one JSON object a line; empty lines are passed over.
func readNDJSON(body io.Reader, foreign bool) reader {
	lines := newLines(body, 0, foreign)
	return func() (record, error) {
		for {
			text, line, err := lines.next()
			r := record{line: line}
			switch text = bytes.TrimSpace(text); {
			case errors.Is(err, errTooLong):
				r.err = err
			case err != nil:
				return record{}, err
			case len(text) == 0:
				continue
			case !lines.readable(text):
				r.err = errCharset
			case !jsontext.Value(text).IsValid() || json.Unmarshal(text, &r.values) != nil || r.values == nil:
				r.err = errRow.Saying("The line is not one JSON object in UTF-8.")
			default:
				r.err = checkNUL(r.values)
			}
			return r, nil
		}
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

// table is a CSV file below the line of its columns' names.
type table struct {
	lines     *lines
	separator byte
	names     []string // "" for a column without a name, which must be empty
}

// readCSV reads lines of cells below a line of columns' names, as spreadsheets write them: separated by commas, semicolons or tabs, names in
// letters of either case, cells that are missing at the end, lines of empty cells. An empty cell says nothing.
func readCSV(body io.Reader, foreign bool) (reader, error) {
	t := table{lines: newLines(body, '"', foreign)}
	if err := t.readHeader(); err != nil {
		return nil, err
	}
	return t.next, nil
}

// readHeader reads the names of the columns and finds out what separates them. Excel may say that in a line before: "sep=;".
func (t *table) readHeader() error {
	text, _, err := t.lines.next()
	if err != nil || !t.lines.readable(text) {
		return errHeader.Because(err)
	}
	if sep, ok := bytes.CutPrefix(bytes.TrimSpace(text), []byte("sep=")); ok && len(sep) == 1 {
		t.separator = sep[0]
		if text, _, err = t.lines.next(); err != nil || !t.lines.readable(text) {
			return errHeader.Because(err)
		}
	} else {
		t.separator = separatorOf(text)
	}
	t.lines.separator = t.separator
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

func (t *table) next() (record, error) {
	for {
		text, line, err := t.lines.next()
		r := record{line: line}
		switch {
		case errors.Is(err, errTooLong):
			r.err = err
			return r, nil
		case err != nil:
			return record{}, err
		case !t.lines.readable(text):
			r.err = errCharset
			return r, nil
		case len(bytes.TrimSpace(text)) == 0:
			continue
		}
		cells, err := t.cells(text)
		if err != nil {
			r.err = errRow.Because(err)
			return r, nil
		}
		if !slices.ContainsFunc(cells, func(cell string) bool { return cell != "" }) {
			continue
		}
		r.values, r.err = t.values(cells)
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
		value, err := valueOf(kindOf(name), asWritten(cell))
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
	switch kind {
	case "number":
		n, err := strconv.ParseInt(strings.TrimSpace(cell), 10, 64)
		if err != nil {
			return nil, errors.New("must be a whole number")
		}
		return n, nil
	case "list":
		list := []any{}
		for part := range strings.SplitSeq(cell, "|") {
			list = append(list, part)
		}
		return list, nil
	case "pairs":
		pairs := map[string]any{}
		for part := range strings.SplitSeq(cell, "|") {
			name, value, ok := strings.Cut(part, "=")
			if !ok {
				return nil, errors.New("must be pairs like color=brass|size=L")
			}
			pairs[name] = value
		}
		return pairs, nil
	}
	return cell, nil
}
