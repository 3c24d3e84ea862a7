// Package dataexport makes the archive of everything that the modules keep about a person: each module plugs in its Part.
package dataexport

import (
	"archive/zip"
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Part is what one module exports: a folder of the archive, named like the module. Write must not hold a transaction
// open, since the archive goes over the network while it is written.
type Part struct {
	Module string
	Write  func(ctx context.Context, user uuid.UUID, to *Archive) error
}

// Archive is a ZIP file being written, as a stream: what goes in is not kept in memory. It belongs to one goroutine.
type Archive struct {
	zip    *zip.Writer
	now    time.Time
	folder string
	names  []string
}

// Write makes the whole archive of a person: a folder for each part, in the order of their names, and index.json, which lists
// the files. It stops at the first error; what was written until then is no archive.
func Write(ctx context.Context, w io.Writer, user uuid.UUID, parts []Part, now time.Time) error {
	a := &Archive{zip: zip.NewWriter(w), now: now}
	sorted := slices.SortedFunc(slices.Values(parts), func(x, y Part) int {
		switch {
		case x.Module < y.Module:
			return -1
		case x.Module > y.Module:
			return 1
		}
		return 0
	})
	for _, part := range sorted {
		a.folder = part.Module + "/"
		if err := part.Write(ctx, user, a); err != nil {
			return fmt.Errorf("dataexport: %s: %w", part.Module, err)
		}
	}
	a.folder = ""
	index := map[string]any{"user_id": user, "made_at": now.UTC(), "files": a.names}
	if err := a.One("index", index); err != nil {
		return err
	}
	if err := a.zip.Close(); err != nil {
		return fmt.Errorf("dataexport: close: %w", err)
	}
	return nil
}

// Rows writes <folder>/<name>.json: an array of what rows yields, one a line. An error that rows yields ends it and is returned.
func (a *Archive) Rows(name string, rows iter.Seq2[json.RawMessage, error]) error {
	w, err := a.create(name+".json", zip.Deflate)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	separator := "["
	for row, err := range rows {
		if err != nil {
			return err
		}
		_, _ = out.WriteString(separator + "\n") // a bufio.Writer keeps its error until Flush
		_, _ = out.Write(row)
		separator = ","
	}
	if separator == "[" {
		_, _ = out.WriteString("[")
	}
	_, _ = out.WriteString("\n]\n")
	if err := out.Flush(); err != nil {
		return fmt.Errorf("dataexport: write %s: %w", name, err)
	}
	return nil
}

// One writes <folder>/<name>.json with one value.
func (a *Archive) One(name string, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("dataexport: write %s: %w", name, err)
	}
	w, err := a.create(name+".json", zip.Deflate)
	if err != nil {
		return err
	}
	if _, err := w.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("dataexport: write %s: %w", name, err)
	}
	return nil
}

// File writes <folder>/<name> with the content as it is: photos do not get smaller by packing.
func (a *Archive) File(name string, content io.Reader) error {
	w, err := a.create(name, zip.Store)
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, content); err != nil {
		return fmt.Errorf("dataexport: write %s: %w", name, err)
	}
	return nil
}

func (a *Archive) create(name string, method uint16) (io.Writer, error) {
	w, err := a.zip.CreateHeader(&zip.FileHeader{Name: a.folder + name, Method: method, Modified: a.now})
	if err != nil {
		return nil, fmt.Errorf("dataexport: open %s: %w", name, err)
	}
	a.names = append(a.names, a.folder+name)
	return w, nil
}
