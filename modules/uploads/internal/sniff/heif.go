package sniff

import (
	"encoding/binary"
	"io"
)

// metaMost bounds the box that describes a HEIF file's pictures. Phones write a few kilobytes.
const metaMost = 1 << 20

// readHEIF follows the ISO base media boxes to the extents of the primary picture.
func readHEIF(r io.ReaderAt, size int64) (Header, error) {
	var kind string
	for off := int64(0); off < size; {
		name, begin, end, err := boxAt(r, off, size)
		if err != nil {
			return Header{}, err
		}
		switch name {
		case "ftyp":
			if kind, err = brand(r, begin, end); err != nil {
				return Header{}, err
			}
		case "meta":
			if kind == "" || end-begin > metaMost {
				return Header{}, ErrBroken
			}
			meta := make([]byte, end-begin)
			if err := readAt(r, meta, begin); err != nil {
				return Header{}, err
			}
			return extents(meta)
		}
		off = end
	}
	return Header{}, ErrBroken
}

// boxAt reads the head of the box at off: its name and where its content lies.
func boxAt(r io.ReaderAt, off, size int64) (name string, begin, end int64, err error) {
	var b [16]byte
	if err := readAt(r, b[:8], off); err != nil {
		return "", 0, 0, err
	}
	length, begin := int64(binary.BigEndian.Uint32(b[:])), off+8
	switch length {
	case 0: // to the end of the file
		length = size - off
	case 1: // a long box
		if err := readAt(r, b[:], off); err != nil {
			return "", 0, 0, err
		}
		length, begin = int64(binary.BigEndian.Uint64(b[8:])), off+16
	}
	if length < begin-off || length > size-off {
		return "", 0, 0, ErrBroken
	}
	return string(b[4:8]), begin, off + length, nil
}

// brand returns the brand by which a still HEVC picture is known. AVIF and sequences are other formats.
func brand(r io.ReaderAt, begin, end int64) (string, error) {
	if end-begin < 8 || end-begin > 256 {
		return "", ErrBroken
	}
	b := make([]byte, end-begin)
	if err := readAt(r, b, begin); err != nil {
		return "", err
	}
	found := ""
	for i := 0; i+4 <= len(b); i += 4 {
		if i == 4 { // the minor version
			continue
		}
		switch name := string(b[i : i+4]); name {
		case "heic", "heix":
			found = name
		case "avif", "avis":
			return "", ErrUnknown
		}
	}
	if found == "" {
		return "", ErrUnknown
	}
	return found, nil
}

// size is a picture's extent in pixels.
type size struct{ width, height int64 }

// extents reads from the meta box which item is the primary picture and how large each picture is.
func extents(meta []byte) (Header, error) {
	if len(meta) < 4 {
		return Header{}, ErrBroken
	}
	var primary uint32
	var sizes map[int]size // by the property's number
	var owns map[uint32][]int
	err := eachBox(meta[4:], func(name string, body []byte) error {
		var err error
		switch name {
		case "pitm":
			primary, err = primaryItem(body)
		case "iprp":
			sizes, owns, err = properties(body)
		}
		return err
	})
	if err != nil {
		return Header{}, err
	}
	most := int64(0)
	for _, s := range sizes {
		if s.width < 1 || s.height < 1 {
			return Header{}, ErrBroken
		}
		most = max(most, s.width*s.height)
	}
	for _, property := range owns[primary] {
		if s, ok := sizes[property]; ok {
			return Header{ContentType: "image/heic", Width: int(s.width), Height: int(s.height), Pixels: most}, nil
		}
	}
	return Header{}, ErrBroken
}

// eachBox calls fn with each box of a list in memory.
func eachBox(list []byte, fn func(name string, body []byte) error) error {
	for len(list) > 0 {
		if len(list) < 8 {
			return ErrBroken
		}
		length := int64(binary.BigEndian.Uint32(list))
		if length < 8 || length > int64(len(list)) {
			return ErrBroken
		}
		if err := fn(string(list[4:8]), list[8:length]); err != nil {
			return err
		}
		list = list[length:]
	}
	return nil
}

func primaryItem(body []byte) (uint32, error) {
	c := cursor{b: body}
	if version := c.number(4) >> 24; version > 0 {
		return c.number(4), c.err
	}
	return c.number(2), c.err
}

// properties reads the pictures' sizes (ispe) and which item has which properties (ipma).
func properties(iprp []byte) (sizes map[int]size, owns map[uint32][]int, err error) {
	sizes, owns = map[int]size{}, map[uint32][]int{}
	err = eachBox(iprp, func(name string, body []byte) error {
		switch name {
		case "ipco":
			number := 0
			return eachBox(body, func(name string, body []byte) error {
				number++
				if name != "ispe" {
					return nil
				}
				c := cursor{b: body}
				c.number(4)
				sizes[number] = size{int64(c.number(4)), int64(c.number(4))}
				return c.err
			})
		case "ipma":
			return associations(body, owns)
		}
		return nil
	})
	return sizes, owns, err
}

func associations(body []byte, owns map[uint32][]int) error {
	c := cursor{b: body}
	head := c.number(4)
	idBytes, wide := 2, head&1 != 0
	if head>>24 > 0 {
		idBytes = 4
	}
	for entries := c.number(4); entries > 0 && c.err == nil; entries-- {
		item := c.number(idBytes)
		for n := c.number(1); n > 0 && c.err == nil; n-- {
			property := c.number(1) & 0x7F // the top bit says that the property is essential
			if wide {
				property = property<<8 | c.number(1)
			}
			owns[item] = append(owns[item], int(property))
		}
	}
	return c.err
}

// cursor reads big-endian numbers; past the end it keeps ErrBroken.
type cursor struct {
	b   []byte
	err error
}

func (c *cursor) number(bytes int) uint32 {
	if len(c.b) < bytes {
		c.b, c.err = nil, ErrBroken
		return 0
	}
	n := uint32(0)
	for _, v := range c.b[:bytes] {
		n = n<<8 | uint32(v)
	}
	c.b = c.b[bytes:]
	return n
}
