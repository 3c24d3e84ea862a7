package intake

import (
	"context"
	"errors"
	"io"

	"atrium/modules/uploads/internal/sniff"
	"atrium/platform/blob"
)

const (
	// firstBytes has the whole header of most files.
	firstBytes = 64 << 10
	blockBytes = 16 << 10
	// maxBlocks bounds how much of a file is fetched for its header: 8 MB. A file of nothing but full segments of metadata fits.
	maxBlocks = 512
)

// rangeReader reads a file in the bucket block by block, and only the blocks that are asked for.
type rangeReader struct {
	ctx    context.Context
	blobs  *blob.Store
	key    string
	size   int64
	blocks map[int64][]byte
}

func newRangeReader(ctx context.Context, blobs *blob.Store, key string, size int64) *rangeReader {
	return &rangeReader{ctx: ctx, blobs: blobs, key: key, size: size, blocks: map[int64][]byte{}}
}

// ReadAt satisfies io.ReaderAt. A reader that wants too much gets sniff.ErrBroken.
func (r *rangeReader) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		at := off + int64(n)
		if at >= r.size {
			return n, io.EOF
		}
		begin, length := blockAround(at)
		block, err := r.block(begin, length)
		if err != nil {
			return n, err
		}
		inside := at - begin
		if inside >= int64(len(block)) {
			return n, io.ErrUnexpectedEOF
		}
		n += copy(p[n:], block[inside:])
	}
	return n, nil
}

// blockAround is the block that an offset lies in.
func blockAround(off int64) (begin, length int64) {
	if off < firstBytes {
		return 0, firstBytes
	}
	return off / blockBytes * blockBytes, blockBytes
}

func (r *rangeReader) block(begin, length int64) ([]byte, error) {
	if block, ok := r.blocks[begin]; ok {
		return block, nil
	}
	if len(r.blocks) == maxBlocks {
		return nil, errors.Join(sniff.ErrBroken, errors.New("the header is too long"))
	}
	block, err := r.blobs.ReadRange(r.ctx, r.key, begin, length)
	if err != nil {
		return nil, err
	}
	r.blocks[begin] = block
	return block, nil
}
