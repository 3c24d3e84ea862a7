package internal

import (
	"context"
	"errors"
	"io"

	"atrium/modules/uploads/internal/sniff"
	"atrium/platform/blob"
)

const (
	windowBytes = 64 << 10
	// mostWindows bounds how much of a file is fetched for its header: 2 MB. Large EXIF and colour profiles fit.
	mostWindows = 32
)

// window reads a file in the bucket block by block, as far as its reader goes.
type window struct {
	ctx    context.Context
	blobs  *blob.Store
	key    string
	size   int64
	blocks map[int64][]byte
}

func newWindow(ctx context.Context, blobs *blob.Store, key string, size int64) *window {
	return &window{ctx: ctx, blobs: blobs, key: key, size: size, blocks: map[int64][]byte{}}
}

// ReadAt satisfies io.ReaderAt. A reader that wants too much gets sniff.ErrBroken.
func (w *window) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		at := off + int64(n)
		if at >= w.size {
			return n, io.EOF
		}
		block, err := w.block(at / windowBytes)
		if err != nil {
			return n, err
		}
		inside := at % windowBytes
		if inside >= int64(len(block)) {
			return n, io.ErrUnexpectedEOF
		}
		n += copy(p[n:], block[inside:])
	}
	return n, nil
}

func (w *window) block(number int64) ([]byte, error) {
	if block, ok := w.blocks[number]; ok {
		return block, nil
	}
	if len(w.blocks) == mostWindows {
		return nil, errors.Join(sniff.ErrBroken, errors.New("the header is too long"))
	}
	block, err := w.blobs.ReadRange(w.ctx, w.key, number*windowBytes, windowBytes)
	if err != nil {
		return nil, err
	}
	w.blocks[number] = block
	return block, nil
}
