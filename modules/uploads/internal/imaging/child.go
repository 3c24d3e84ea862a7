package imaging

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"atrium/platform/sandbox"
)

// input is what a child reads.
type input struct {
	untrusted bool  // sent by a user: loaders that are not made for hostile data are blocked
	plugin    bool  // decoded by a plug-in of libvips
	pixels    int64 // to decode
}

// trusted was written by a step before, in libvips' own format and at most 2048 pixels long.
var trusted = input{}

// outOfMemory is how libvips, GLib and the decoders word it; their exit status does not tell.
var outOfMemory = []string{
	"out of memory", "Memory allocation", "Insufficient memory", "failed to allocate", "bad_alloc", "Error creating thread",
	"Unsupported color conversion", // libheif's: to RGB there is always one, unless its planes find no room
}

// run runs one of libvips' programs in a sandbox, and kills it when ctx ends.
func (p *Processor) run(ctx context.Context, folder string, from input, program string, arguments ...string) error {
	return p.runInto(ctx, nil, folder, from, program, arguments...)
}

// runInto is run of a program that writes to stdout.
func (p *Processor) runInto(ctx context.Context, stdout io.Writer, folder string, from input, program string, arguments ...string) error {
	stderr := &head{most: maxStderr}
	err := sandbox.Run(ctx, sandbox.Program{
		Path: p.program(program), Arguments: arguments, Folder: folder, Environment: environment(folder, from), Stdout: stdout, Stderr: stderr,
		Limits: p.limits.of(from.pixels),
	})
	if err == nil {
		return nil
	}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %s stopped: %w", ErrTooLong, program, ctx.Err())
	case errors.Is(err, sandbox.ErrNotStarted), !errors.As(err, &exit):
		return fmt.Errorf("imaging: %s: %w: %s", program, err, stderr)
	case stderr.hasAny(outOfMemory):
		return fmt.Errorf("%w: %s: %w: %s", ErrOutOfMemory, program, err, stderr)
	case isOverCPU(exit):
		return fmt.Errorf("%w: %s: %w", ErrTooLong, program, err)
	case !exit.Exited():
		return fmt.Errorf("%w: %s: %w: %s", ErrDied, program, err, stderr)
	case from.untrusted:
		return fmt.Errorf("%w: %s: %w: %s", ErrCorrupt, program, err, stderr)
	}
	return fmt.Errorf("imaging: %s: %w: %s", program, err, stderr)
}

// mapped is how many bytes of addresses a child needs beside its memory and a file: libvips with all that it is linked to, and what it reads.
const mapped = 1 << 30

// of is what a child may take that decodes so many pixels.
func (l Limits) of(pixels int64) sandbox.Limits {
	return sandbox.Limits{CPU: l.compute(pixels), Memory: l.Memory, Address: l.Memory + l.Disk + mapped, File: l.Disk, Files: 256}
}

// isOverCPU reports whether the system ended a child for the time that it had computed.
func isOverCPU(exit *exec.ExitError) bool {
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGXCPU
}

func (p *Processor) program(name string) string {
	if p.folder == "" {
		return name
	}
	return filepath.Join(p.folder, name)
}

// environment is all that a child gets to know. Pictures that have to be held as a whole go to a file beyond 32 MB. Warnings are
// switched off: a decoder that fails has one for each tile, and why it failed comes after them. Plug-ins
// (ImageMagick, Poppler, OpenSlide among them) are looked for in the work's folder, where there are none, unless the picture
// needs one: that halves a child's start, and their decoders are not even in its memory.
func environment(folder string, from input) []string {
	env := []string{
		"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + folder, "TMPDIR=" + folder, "LC_ALL=C.UTF-8",
		"VIPS_CONCURRENCY=1", "VIPS_DISC_THRESHOLD=32m", "VIPS_WARNING=1", "MALLOC_ARENA_MAX=2",
	}
	if from.untrusted {
		env = append(env, "VIPS_BLOCK_UNTRUSTED=1")
	}
	if !from.plugin {
		return append(env, "VIPSHOME="+folder)
	}
	return append(env, "GLIBC_TUNABLES=glibc.malloc.hugetlb=1") // planes of some ten megabytes: a tenth less time for fewer pages
}

// head keeps the first bytes that a child writes: a hostile picture may make a decoder very talkative.
type head struct {
	most int
	b    bytes.Buffer
}

const maxStderr = 2048

// Write takes everything and keeps little.
func (t *head) Write(p []byte) (int, error) {
	t.b.Write(p[:min(len(p), t.most-t.b.Len())])
	return len(p), nil
}

// String is what was kept, in one line.
func (t *head) String() string { return strings.Join(strings.Fields(t.b.String()), " ") }

// number is the first line "name: 123", or 0.
func (t *head) number(name string) int {
	for line := range strings.Lines(t.b.String()) {
		if value, ok := strings.CutPrefix(line, name+": "); ok {
			n, _ := strconv.Atoi(strings.TrimSpace(value))
			return n
		}
	}
	return 0
}

func (t *head) hasAny(phrases []string) bool {
	for _, phrase := range phrases {
		if strings.Contains(t.b.String(), phrase) {
			return true
		}
	}
	return false
}
