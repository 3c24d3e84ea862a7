package darkroom

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// input says whose data a child reads.
type input int

const (
	ours     input = iota // libvips' own format, whose loader is one of those that are not made for hostile data
	stranger              // such loaders are blocked
	heif                  // a stranger's, and the decoder is a plug-in of libvips
)

// outOfMemory is how libvips, GLib and the decoders word it; their exit status does not tell.
var outOfMemory = []string{"out of memory", "Memory allocation", "Insufficient memory", "failed to allocate"}

// run runs one of libvips' programs in its own process group, limited, and kills the whole group when ctx ends.
func (d *Darkroom) run(ctx context.Context, folder string, from input, program string, arguments ...string) error {
	cmd := exec.CommandContext(ctx, d.program(program), arguments...)
	cmd.Dir = folder
	cmd.Env = environment(folder, from)
	cmd.SysProcAttr = ownGroup()
	cmd.Cancel = func() error { return killGroup(cmd.Process) }
	cmd.WaitDelay = time.Second
	said := &tail{}
	cmd.Stderr = said
	err := d.runLimited(cmd)
	if err == nil {
		return nil
	}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %s stopped: %w", ErrExhausted, program, ctx.Err())
	case !errors.As(err, &exit):
		return fmt.Errorf("darkroom: %s: %w", program, err)
	case !exit.Exited(), said.hasAny(outOfMemory):
		return fmt.Errorf("%w: %s: %w: %s", ErrExhausted, program, err, said)
	case from != ours:
		return fmt.Errorf("%w: %s: %w: %s", ErrCorrupt, program, err, said)
	}
	return fmt.Errorf("darkroom: %s: %w: %s", program, err, said)
}

func (d *Darkroom) program(name string) string {
	if d.folder == "" {
		return name
	}
	return filepath.Join(d.folder, name)
}

// environment is all that a child gets to know. Pictures that have to be held as a whole go to a file beyond 32 MB. Plug-ins
// (ImageMagick, Poppler, OpenSlide among them) are looked for in the work's folder, where there are none, unless the picture
// needs one: that halves a child's start, and their decoders are not even in its memory.
func environment(folder string, from input) []string {
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + folder, "TMPDIR=" + folder, "LC_ALL=C.UTF-8",
		"VIPS_CONCURRENCY=1", "VIPS_DISC_THRESHOLD=32m", "MALLOC_ARENA_MAX=2",
	}
	if from != ours {
		env = append(env, "VIPS_BLOCK_UNTRUSTED=1")
	}
	if from != heif {
		env = append(env, "VIPSHOME="+folder)
	}
	return env
}

// tail keeps the first bytes that a child says: a hostile picture may make a decoder very talkative.
type tail struct{ b bytes.Buffer }

const tailMost = 2048

// Write takes everything and keeps little.
func (t *tail) Write(p []byte) (int, error) {
	t.b.Write(p[:min(len(p), tailMost-t.b.Len())])
	return len(p), nil
}

// String is what was kept, in one line.
func (t *tail) String() string { return strings.Join(strings.Fields(t.b.String()), " ") }

func (t *tail) hasAny(phrases []string) bool {
	for _, phrase := range phrases {
		if strings.Contains(t.b.String(), phrase) {
			return true
		}
	}
	return false
}
