package sniff

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"slices"

	"atrium/modules/uploads/internal/icc"
)

// The markers of a JPEG file that are told apart.
const (
	markerTEM  = 0x01
	markerRST0 = 0xD0
	markerRST7 = 0xD7
	markerSOI  = 0xD8
	markerEOI  = 0xD9
	markerSOS  = 0xDA
	markerDHT  = 0xC4
	markerDQT  = 0xDB
	markerDRI  = 0xDD
	markerAPP0 = 0xE0
	markerAPP1 = 0xE1
	markerAPP2 = 0xE2
	markerAPPE = 0xEE
)

// coefficients of a block, of which a progressive JPEG sends each in one or more scans.
const coefficients = 64

// jpegCopier copies a JPEG segment by segment.
type jpegCopier struct {
	r *bufio.Reader
	w *bufio.Writer

	pending     byte            // the marker that ended a scan
	once        map[byte]bool   // the application segments that were copied: one of each kind counts
	profile     map[byte][]byte // the parts of the colour profile by their numbers
	profileSize int
	progressive bool
	missing     map[byte]*[coefficients]bool // by component: what has not come, or not in full precision
	components  int
	scans       int
	held        bool
}

func copyJPEG(w *bufio.Writer, r *bufio.Reader, h Header) (Copied, error) {
	c := &jpegCopier{r: r, w: w, once: map[byte]bool{}, profile: map[byte][]byte{}, missing: map[byte]*[coefficients]bool{}}
	if _, err := r.Discard(2); err != nil {
		return Copied{}, ErrBroken
	}
	if _, err := w.Write([]byte{0xFF, markerSOI}); err != nil {
		return Copied{}, err
	}
	err := c.segments()
	unended := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	switch {
	case unended && c.incomplete():
		return Copied{}, ErrBroken
	case err != nil && !unended:
		return Copied{}, err
	}
	_, err = w.Write([]byte{0xFF, markerEOI})
	return Copied{Look: Look{Profile: c.wholeProfile(h.space())}, Held: c.held, Unended: unended}, err
}

// segments copies until the end marker, or returns an early end of the file.
func (c *jpegCopier) segments() error {
	for range maxParts {
		marker, err := c.nextMarker()
		if err != nil {
			return err
		}
		switch {
		case marker == markerEOI:
			return nil
		case marker == markerSOI:
			return ErrBroken
		case marker == markerTEM, marker >= markerRST0 && marker <= markerRST7: // these have no length
			continue
		}
		body, err := c.body()
		if err != nil {
			return err
		}
		if err := c.segment(marker, body); err != nil {
			return err
		}
	}
	return ErrTooComplex
}

// nextMarker passes over stray bytes, as every decoder does.
func (c *jpegCopier) nextMarker() (byte, error) {
	if marker := c.pending; marker != 0 {
		c.pending = 0
		return marker, nil
	}
	for marked := false; ; {
		b, err := c.r.ReadByte()
		switch {
		case err != nil:
			return 0, err
		case b == 0xFF:
			marked = true
		case marked && b != 0:
			return b, nil
		default:
			marked = false
		}
	}
}

func (c *jpegCopier) body() ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(c.r, length[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(length[:]))
	if n < len(length) {
		return nil, ErrBroken
	}
	body := make([]byte, n-len(length))
	_, err := io.ReadFull(c.r, body)
	return body, err
}

func (c *jpegCopier) segment(marker byte, body []byte) error {
	switch {
	case marker == markerDHT, marker == markerDQT, marker == markerDRI:
		return c.write(marker, body)
	case marker == markerAPP0 && bytes.HasPrefix(body, []byte("JFIF\x00")),
		marker == markerAPP1 && bytes.HasPrefix(body, []byte("Exif\x00\x00")),
		marker == markerAPPE && bytes.HasPrefix(body, []byte("Adobe")):
		if c.once[marker] {
			return nil
		}
		c.once[marker] = true
		return c.write(marker, body)
	case marker == markerAPP2 && bytes.HasPrefix(body, []byte(profileName)):
		c.keepProfile(body[len(profileName):])
		return nil
	case isFrame(marker):
		return c.frame(marker, body)
	case marker == markerSOS:
		return c.scan(body)
	}
	return nil
}

func (c *jpegCopier) write(marker byte, body []byte) error {
	head := [4]byte{0xFF, marker}
	binary.BigEndian.PutUint16(head[2:], uint16(len(body)+2))
	if _, err := c.w.Write(head[:]); err != nil {
		return err
	}
	_, err := c.w.Write(body)
	return err
}

// profileName begins a segment with a part of the colour profile; the part's number and that of all parts follow.
const profileName = "ICC_PROFILE\x00"

// keepProfile keeps a part of the colour profile.
func (c *jpegCopier) keepProfile(part []byte) {
	const numbers = 2
	if c.profileSize += len(part); len(part) < numbers || c.profileSize > maxProfile {
		return
	}
	c.profile[part[0]] = part[numbers:]
}

// wholeProfile is the colour profile if it fits a picture in that space, or nil.
func (c *jpegCopier) wholeProfile(space string) []byte {
	if c.profileSize > maxProfile {
		return nil
	}
	var whole []byte
	for _, number := range slices.Sorted(maps.Keys(c.profile)) {
		whole = append(whole, c.profile[number]...)
	}
	if !icc.Fits(whole, space) {
		return nil
	}
	return whole
}

// frame copies the frame header.
func (c *jpegCopier) frame(marker byte, body []byte) error {
	const head, each = 6, 3 // precision, height, width and the number of components; then each component's id, sampling and table
	if c.components > 0 || len(body) < head || len(body) < head+each*int(body[head-1]) {
		return ErrBroken
	}
	c.progressive, c.components = marker == 0xC2, int(body[head-1])
	for i := range c.components {
		all := &[coefficients]bool{}
		for k := range all {
			all[k] = true
		}
		c.missing[body[head+each*i]] = all
	}
	return c.write(marker, body)
}

// scan copies a scan's header and data.
func (c *jpegCopier) scan(body []byte) error {
	if c.scans++; c.scans > maxScans {
		return ErrTooComplex
	}
	const after = 3 // the first and the last coefficient, and their precision
	if c.components == 0 || len(body) < 1 || len(body) < 1+2*int(body[0])+after {
		return ErrBroken
	}
	n := int(body[0])
	c.held = c.held || c.progressive || n < c.components
	first, last, precision := int(body[1+2*n]), int(body[2+2*n]), body[3+2*n]
	if !c.progressive {
		first, last, precision = 0, coefficients-1, 0
	}
	for i := range n {
		missing := c.missing[body[1+2*i]]
		if missing == nil || last >= coefficients {
			return ErrBroken
		}
		for k := first; k <= last; k++ {
			missing[k] = precision&0x0F > 0 // bits that a later scan has to add
		}
	}
	if err := c.write(markerSOS, body); err != nil {
		return err
	}
	return c.entropyCoded()
}

// entropyCoded copies up to the next marker that is no part of a scan's data, which is kept for nextMarker.
func (c *jpegCopier) entropyCoded() error {
	for {
		chunk, err := c.r.ReadSlice(0xFF)
		ended := err == nil
		if ended {
			chunk = chunk[:len(chunk)-1]
		}
		if _, err := c.w.Write(chunk); err != nil {
			return err
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		if !ended {
			continue
		}
		b, err := c.r.ReadByte()
		switch {
		case err != nil:
			return err
		case b == 0xFF: // a fill byte
			if err := c.r.UnreadByte(); err != nil {
				return err
			}
		case b == 0, b >= markerRST0 && b <= markerRST7:
			if _, err := c.w.Write([]byte{0xFF, b}); err != nil {
				return err
			}
		default:
			c.pending = b
			return nil
		}
	}
}

// incomplete reports whether scans are missing, as far as headers tell.
func (c *jpegCopier) incomplete() bool {
	if c.components == 0 {
		return true
	}
	for _, missing := range c.missing {
		for _, is := range missing {
			if is {
				return true
			}
		}
	}
	return false
}
