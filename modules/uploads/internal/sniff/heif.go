package sniff

import (
	"encoding/binary"
	"io"
	"slices"

	"atrium/modules/uploads/internal/icc"
)

// metaMost bounds the box that describes a HEIF file's pictures. Phones write a few kilobytes.
const metaMost = 1 << 20

// readHEIF reads what a HEIF file says about its primary picture.
func readHEIF(r io.ReaderAt, size int64) (Header, error) {
	m, err := findMeta(r, size)
	if err != nil {
		return Header{}, err
	}
	return m.header()
}

// findMeta follows the ISO base media boxes to the one that describes the pictures, and reads it.
func findMeta(r io.ReaderAt, size int64) (*meta, error) {
	var kind string
	for off := int64(0); off < size; {
		name, begin, end, err := boxAt(r, off, size)
		if err != nil {
			return nil, err
		}
		switch name {
		case "ftyp":
			if kind, err = brand(r, begin, end); err != nil {
				return nil, err
			}
		case "meta":
			if kind == "" || end-begin > metaMost {
				return nil, ErrBroken
			}
			content := make([]byte, end-begin)
			if err := readAt(r, content, begin); err != nil {
				return nil, err
			}
			return readMeta(content)
		}
		off = end
	}
	return nil, ErrBroken
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

// pixels is the area, at most 2^62.
func (s size) pixels() int64 {
	const most = 1 << 31
	return min(s.width, most) * min(s.height, most)
}

// meta is what the box of that name says of a file's items.
type meta struct {
	primary   uint32
	sizes     map[int]size        // by the property's number: what is shown
	codings   map[int]coding      // by the property's number: what the decoder has to decode for it
	colors    map[int]icc.Coded   // by the property's number: colours that are told by code points
	profiles  map[int][]byte      // by the property's number: colour profiles
	alphas    map[int]bool        // by the property's number: those that make an item another's transparency
	turns     map[int]bool        // by the property's number: those that turn or mirror
	owns      map[uint32][]int    // by item: its properties
	parts     map[uint32][]uint32 // by item: what it is composed of
	describes map[uint32]uint32   // by item: what it tells about
	kinds     map[uint32]string   // by item: its type
	places    map[uint32]place    // by item: where it lies
	inside    []byte              // what of the items lies in the box itself
	beside    []uint32            // auxiliary pictures of the primary one, such as its transparency
}

// readMeta reads from the meta box which item is the primary picture, how large each picture is, and what it is composed of.
func readMeta(content []byte) (*meta, error) {
	if len(content) < 4 {
		return nil, ErrBroken
	}
	m := &meta{
		sizes: map[int]size{}, codings: map[int]coding{}, colors: map[int]icc.Coded{}, profiles: map[int][]byte{}, turns: map[int]bool{}, alphas: map[int]bool{},
		owns: map[uint32][]int{}, parts: map[uint32][]uint32{}, describes: map[uint32]uint32{}, kinds: map[uint32]string{}, places: map[uint32]place{},
	}
	var references []byte
	err := eachBox(content[4:], func(name string, body []byte) (err error) {
		switch name {
		case "pitm":
			m.primary, err = primaryItem(body)
		case "iref":
			references = body
		case "iprp":
			err = m.readProperties(body)
		case "iinf":
			m.readKinds(body)
		case "iloc":
			m.readPlaces(body)
		case "idat":
			m.inside = body
		}
		return err
	})
	if err == nil {
		err = m.readReferences(references)
	}
	return m, err
}

func (m *meta) header() (Header, error) {
	most := int64(0)
	for _, s := range m.sizes {
		if s.width < 1 || s.height < 1 {
			return Header{}, ErrBroken
		}
		most = max(most, s.pixels())
	}
	s, ok := m.sizeOf(m.primary)
	if !ok {
		return Header{}, ErrBroken
	}
	for _, item := range append(m.beside, m.primary) {
		if !m.isPlain(item) {
			return Header{}, ErrTooComplex
		}
	}
	c := m.codingOf(m.primary)
	return Header{
		ContentType: "image/heic", Width: int(s.width), Height: int(s.height), Pixels: most,
		Deep: c.deep, Dense: c.dense, Alpha: slices.ContainsFunc(m.beside, m.isAlpha),
	}, nil
}

func (m *meta) sizeOf(item uint32) (size, bool) {
	for _, property := range m.owns[item] {
		if s, ok := m.sizes[property]; ok {
			return s, true
		}
	}
	return size{}, false
}

// work is how many pixels are decoded for an item that is not composed of others.
func (m *meta) work(item uint32) int64 {
	shown, _ := m.sizeOf(item)
	most := shown.pixels()
	for _, property := range m.owns[item] {
		most = max(most, m.codings[property].pixels())
	}
	return most
}

// isPlain reports whether an item is coded, or composed of coded items, with about as much to decode as it shows: tiles overlap the
// edges and blocks are padded, but a picture of tiles of tiles, or of one large tile again and again, is made to take long.
func (m *meta) isPlain(item uint32) bool {
	const slack, least = 1 << 20, 1 << 12
	shown, _ := m.sizeOf(item)
	most, total := 2*shown.pixels()+slack, int64(0)
	if len(m.parts[item]) == 0 {
		return m.work(item) <= most
	}
	for _, part := range m.parts[item] {
		if total += max(m.work(part), least); total > most || len(m.parts[part]) > 0 {
			return false
		}
	}
	return true
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

// readReferences reads what is composed of what.
func (m *meta) readReferences(body []byte) error {
	if body == nil {
		return nil
	}
	c := cursor{b: body}
	idBytes := 2
	if c.number(4)>>24 > 0 {
		idBytes = 4
	}
	if c.err != nil {
		return c.err
	}
	return eachBox(c.b, func(name string, body []byte) error {
		c := cursor{b: body}
		from := c.number(idBytes)
		for n := c.number(2); n > 0 && c.err == nil; n-- {
			switch to := c.number(idBytes); {
			case name == "dimg":
				m.parts[from] = append(m.parts[from], to)
			case name == "cdsc":
				m.describes[from] = to
			case name == "auxl" && to == m.primary:
				m.beside = append(m.beside, from)
			}
		}
		return c.err
	})
}

// readProperties reads what pictures are like and how they are shown (ipco), and which item has which of these properties (ipma).
func (m *meta) readProperties(iprp []byte) error {
	return eachBox(iprp, func(name string, body []byte) error {
		switch name {
		case "ipco":
			return m.readShapes(body)
		case "ipma":
			return associations(body, m.owns)
		}
		return nil
	})
}

func (m *meta) readShapes(ipco []byte) error {
	number := 0
	return eachBox(ipco, func(name string, body []byte) error {
		number++
		switch name {
		case "ispe":
			c := cursor{b: body}
			c.number(4)
			m.sizes[number] = size{int64(c.number(4)), int64(c.number(4))}
			return c.err
		case "hvcC":
			m.codings[number] = readCoding(body)
		case "irot", "imir":
			m.turns[number] = true
		case "colr":
			m.readColors(number, body)
		case "auxC":
			m.alphas[number] = saysAlpha(body)
		}
		return nil
	})
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
