package bulk

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"

	"atrium/platform/fault"
)

var (
	errHeader = fault.Invalid("products.import_header", "The first line of the file does not name its columns.")
	errRow    = fault.Invalid("products.import_row", "The line cannot be read.")
)

// maxLine bounds one line of a file, in bytes.
const maxLine = 256 << 10

// record is one line of a file: what it says, or why it cannot be read.
type record struct {
	line   int
	values map[string]any
	err    error
}

// reader gives one record after the other, then io.EOF. Any other error ends the file.
type reader func() (record, error)

// readNDJSON reads one JSON object a line; empty lines are passed over.
func readNDJSON(body io.Reader) reader {
	lines := bufio.NewScanner(body)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	line := 0
	return func() (record, error) {
		for lines.Scan() {
			line++
			text := bytes.TrimSpace(lines.Bytes())
			if len(text) == 0 {
				continue
			}
			r := record{line: line}
			decoder := json.NewDecoder(bytes.NewReader(text))
			if err := decoder.Decode(&r.values); err != nil || decoder.More() || r.values == nil {
				r.err = errRow.Saying("The line is not one JSON object.")
			}
			return r, nil
		}
		if errors.Is(lines.Err(), bufio.ErrTooLong) {
			return record{line: line + 1, err: errRow.Saying("The line is too long; the file is not read further.")}, io.EOF
		}
		if lines.Err() != nil {
			return record{}, lines.Err()
		}
		return record{}, io.EOF
	}
}

// readCSV reads lines of cells below a line of columns' names. An empty cell says nothing.
func readCSV(body io.Reader) (reader, error) {
	table := csv.NewReader(body)
	table.ReuseRecord = true
	header, err := table.Read()
	if err != nil {
		return nil, errHeader.Because(err)
	}
	names := make([]string, len(header))
	for i, name := range header {
		names[i] = strings.TrimSpace(strings.TrimPrefix(name, "\ufeff")) // which spreadsheets put at the beginning of a file
		if kindOf(names[i]) == "" {
			return nil, errHeader.At("/0/"+strconv.Itoa(i), "is no column: "+strconv.Quote(names[i]))
		}
	}
	return func() (record, error) {
		cells, err := table.Read()
		if errors.Is(err, io.EOF) {
			return record{}, io.EOF
		}
		var bad *csv.ParseError
		if errors.As(err, &bad) {
			return record{line: bad.StartLine, err: errRow.Because(err)}, nil
		}
		if err != nil {
			return record{}, err
		}
		line, _ := table.FieldPos(0)
		r := record{line: line, values: map[string]any{}}
		for i, cell := range cells {
			if cell == "" {
				continue
			}
			if r.values[names[i]], err = valueOf(kindOf(names[i]), cell); err != nil {
				r.err = errRow.At("/"+names[i], err.Error())
			}
		}
		return r, nil
	}, nil
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
