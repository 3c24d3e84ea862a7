package sniff

// coding is how an HEVC picture is coded.
type coding struct {
	size
	deep  bool // has more than 8 bits a channel
	dense bool // has a colour for each pixel (4:4:4)
}

// readCoding reads the configuration of an HEVC decoder (hvcC): the coded picture is as large as the largest of the sequence parameter
// sets. What cannot be followed counts nothing; the decoder will say so.
func readCoding(hvcC []byte) (found coding) {
	const head, parameters = 22, 33         // bytes before the arrays; the type of a sequence parameter set
	const chroma, luma, full = 16, 17, 0x03 // where the sampling and the depth are told; 4:4:4
	if len(hvcC) < head {
		return coding{}
	}
	found.deep, found.dense = hvcC[luma]&0x07 > 0, hvcC[chroma]&full == full
	c := cursor{b: hvcC[head:]}
	for arrays := c.number(1); arrays > 0 && c.err == nil; arrays-- {
		kind := c.number(1) & 0x3F
		for units := c.number(2); units > 0 && c.err == nil; units-- {
			length := int(c.number(2))
			if length > len(c.b) {
				return found
			}
			if s := sequenceSize(c.b[:length]); kind == parameters && s.pixels() > found.pixels() {
				found.size = s
			}
			c.b = c.b[length:]
		}
	}
	return found
}

// sequenceSize reads the size from a sequence parameter set (ITU-T H.265, 7.3.2.2).
func sequenceSize(unit []byte) size {
	b := bits{b: unescaped(unit)}
	b.number(16 + 4)
	layers := b.number(3)
	b.number(1)
	b.skipProfile(layers)
	b.golomb()
	if chroma := b.golomb(); chroma == 3 {
		b.number(1)
	}
	s := size{int64(b.golomb()), int64(b.golomb())}
	if b.ended {
		return size{}
	}
	return s
}

// unescaped takes out the bytes that keep a unit from looking like a start code.
func unescaped(unit []byte) []byte {
	plain, zeros := make([]byte, 0, len(unit)), 0
	for _, v := range unit {
		if zeros >= 2 && v == 3 {
			zeros = 0
			continue
		}
		if plain = append(plain, v); v == 0 {
			zeros++
		} else {
			zeros = 0
		}
	}
	return plain
}

// bits reads numbers bit by bit; past the end they are 0.
type bits struct {
	b     []byte
	at    int
	ended bool
}

func (b *bits) number(n int) (v uint32) {
	for ; n > 0; n-- {
		if b.at/8 >= len(b.b) {
			b.ended = true
			return 0
		}
		v = v<<1 | uint32(b.b[b.at/8]>>(7-b.at%8)&1)
		b.at++
	}
	return v
}

// golomb reads an unsigned Exp-Golomb number.
func (b *bits) golomb() uint32 {
	zeros := 0
	for b.number(1) == 0 {
		if zeros++; zeros > 31 || b.ended {
			b.ended = true
			return 0
		}
	}
	return 1<<zeros - 1 + b.number(zeros)
}

// skipProfile passes over profile, tier and level, of the whole and of its lower layers.
func (b *bits) skipProfile(layers uint32) {
	const profile, level = 88, 8
	b.number(profile + level)
	if layers == 0 {
		return
	}
	present := [8][2]uint32{}
	for i := range present {
		present[i] = [2]uint32{b.number(1), b.number(1)}
	}
	for _, p := range present[:layers] {
		b.number(int(p[0]*profile + p[1]*level))
	}
}
