package sniff

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"

	"atrium/modules/uploads/internal/icc"
)

// Look is how a picture is shown beyond its pixels.
type Look struct {
	Profile     []byte // of its colours, whole and fit for the picture; nil: those of sRGB, of grey in its curve, or of inks unknown
	Orientation int    // EXIF's, where the decoder does not follow it and it counts; else 0
}

// readHEIFLook finds how the primary picture is shown.
//
// HEIF has boxes of its own for turning (irot) and mirroring (imir), which the decoder follows; EXIF's orientation then says the same once
// more. Where there is no such box the standard (ISO/IEC 23008-12, 6.5.1 and annex A) calls EXIF a mere description, but there are phones
// and editors that write nothing else, iOS' own among them, and photo apps on phones turn their pictures: so it counts, too.
func readHEIFLook(r io.ReaderAt, size int64) (Look, error) {
	m, err := findMeta(r, size)
	if err != nil {
		return Look{}, err
	}
	look := Look{Profile: m.profileOf(m.primary)}
	if m.isTurned(m.primary) {
		return look, nil
	}
	look.Orientation, err = m.orientation(r)
	return look, err
}

// isAlpha reports whether an item is the transparency of another.
func (m *meta) isAlpha(item uint32) bool {
	return slices.ContainsFunc(m.owns[item], func(property int) bool { return m.alphas[property] })
}

// saysAlpha reads the kind of an auxiliary picture (auxC). Others are depths and the light of a brighter screen, which are left alone.
func saysAlpha(auxC []byte) bool {
	return bytes.Contains(auxC, []byte("auxiliary:alpha")) || bytes.Contains(auxC, []byte("auxid:1"))
}

// isTurned reports whether the decoder turns or mirrors an item.
func (m *meta) isTurned(item uint32) bool {
	return slices.ContainsFunc(m.owns[item], func(property int) bool { return m.turns[property] })
}

// codingOf is how an item is coded, or what it is composed of.
func (m *meta) codingOf(item uint32) coding {
	for _, property := range m.owns[item] {
		if c, ok := m.codings[property]; ok {
			return c
		}
	}
	for _, part := range m.parts[item] {
		for _, property := range m.owns[part] {
			if c, ok := m.codings[property]; ok {
				return c
			}
		}
	}
	return coding{}
}

// profileOf is the profile of an item's colours. As in the decoder, a profile that is there goes before code points, and what an item does
// not tell its first part does.
func (m *meta) profileOf(item uint32) []byte {
	items := append([]uint32{item}, m.parts[item]...)
	for _, item := range items[:min(2, len(items))] {
		for _, property := range m.owns[item] {
			if p := m.profiles[property]; icc.Fits(p, icc.RGB) {
				return p
			}
		}
		for _, property := range m.owns[item] {
			if c, ok := m.colors[property]; ok {
				return c.Profile()
			}
		}
	}
	return nil
}

// readColors reads a colr box.
func (m *meta) readColors(number int, body []byte) {
	c := cursor{b: body}
	switch kind := c.number(4); kind {
	case binary.BigEndian.Uint32([]byte("nclx")):
		m.colors[number] = icc.Coded{Primaries: uint16(c.number(2)), Transfer: uint16(c.number(2))}
	case binary.BigEndian.Uint32([]byte("prof")), binary.BigEndian.Uint32([]byte("rICC")):
		m.profiles[number] = c.b
	}
}

// readKinds reads the items' types. What cannot be followed has none.
func (m *meta) readKinds(iinf []byte) {
	c := cursor{b: iinf}
	if c.number(4)>>24 == 0 {
		c.number(2)
	} else {
		c.number(4)
	}
	if c.err != nil {
		return
	}
	_ = eachBox(c.b, func(name string, body []byte) error {
		c := cursor{b: body}
		idBytes := 2
		if c.number(4)>>24 > 2 {
			idBytes = 4
		}
		item := c.number(idBytes)
		c.number(2)
		if kind := c.number(4); name == "infe" && c.err == nil {
			m.kinds[item] = string(binary.BigEndian.AppendUint32(nil, kind))
		}
		return nil
	})
}

// place is where the first bytes of an item lie.
type place struct {
	inside bool // in the meta box, not in the file
	off    int64
	length int64
}

// readPlaces reads where items lie. What cannot be followed lies nowhere.
func (m *meta) readPlaces(iloc []byte) {
	c := cursor{b: iloc}
	version := c.number(4) >> 24
	widths := c.number(2)
	offBytes, lengthBytes, baseBytes, indexBytes := int(widths>>12), int(widths>>8&0xF), int(widths>>4&0xF), int(widths&0xF)
	idBytes := 2
	if version > 1 {
		idBytes = 4
	}
	for items := c.number(idBytes); items > 0 && c.err == nil; items-- {
		item, method := c.number(idBytes), uint32(0)
		if version > 0 {
			method = c.number(2) & 0xF
		} else {
			indexBytes = 0
		}
		c.number(2)
		base := c.long(baseBytes)
		for extent, extents := uint32(0), c.number(2); extent < extents && c.err == nil; extent++ {
			c.long(indexBytes)
			off, length := base+c.long(offBytes), c.long(lengthBytes)
			if extent == 0 && method <= 1 && c.err == nil {
				m.places[item] = place{method == 1, off, length}
			}
		}
	}
}

// long reads a number of up to 8 bytes.
func (c *cursor) long(bytes int) int64 {
	high := int64(0)
	if bytes > 4 {
		high, bytes = int64(c.number(bytes-4)), 4
	}
	return high<<32 | int64(c.number(bytes))
}

// orientation is what the EXIF of the primary picture says, or 0.
func (m *meta) orientation(r io.ReaderAt) (int, error) {
	for item, about := range m.describes {
		at, ok := m.places[item]
		if about != m.primary || m.kinds[item] != "Exif" || !ok || at.off < 0 {
			continue
		}
		content := make([]byte, min(max(at.length, 0), maxEXIF))
		if at.inside {
			content = content[:copy(content, m.inside[min(at.off, int64(len(m.inside))):])]
		} else if n, err := r.ReadAt(content, at.off); err == io.EOF {
			content = content[:n]
		} else if err != nil {
			return 0, err
		}
		return heifEXIF(content), nil
	}
	return 0, nil
}

// heifEXIF reads the orientation from EXIF as HEIF has it: behind the distance to where it begins.
func heifEXIF(content []byte) int {
	c := cursor{b: content}
	skipped := int64(c.number(4))
	if c.err != nil || skipped > int64(len(c.b)) {
		return 0
	}
	return exifOrientation(c.b[skipped:])
}

// exifOrientation reads the orientation from EXIF's first directory, or returns 0.
func exifOrientation(tiff []byte) int {
	const head, each, tag, short = 8, 12, 0x0112, 3
	if len(tiff) < head {
		return 0
	}
	var order binary.ByteOrder = binary.LittleEndian
	if string(tiff[:2]) == "MM" {
		order = binary.BigEndian
	}
	at := int64(order.Uint32(tiff[4:]))
	if at+2 > int64(len(tiff)) {
		return 0
	}
	directory := tiff[at+2:]
	for n := int(order.Uint16(tiff[at:])); n > 0 && len(directory) >= each; n-- {
		if order.Uint16(directory) == tag && order.Uint16(directory[2:]) == short {
			if v := int(order.Uint16(directory[8:])); v <= 8 {
				return v
			}
		}
		directory = directory[each:]
	}
	return 0
}
