package sniff

// What decoders take at most that hold a picture as a whole, measured with libvips 8.14 and libheif 1.15 as RLIMIT_DATA counts it. HEIC's
// holds the coded picture, planes of it in RGB, and those woven into one; tiles save nothing, since it composes all of them before it
// converts.
const (
	heldAnyhow = 52 << 20 // bytes, whatever the picture
	// Half bytes a pixel.
	heldPlain = 14 // HEIC of 8 bits, 4:2:0: 125 MB for 12 megapixels, 198 for 24, 350 for 48
	heldDeep  = 26 // HEIC of 10 bits: 200 MB for 12 megapixels, 343 for 24
	heldDense = 2  // more for 4:4:4
	heldAlpha = 16 // more for transparency
	heldOther = 20 // WebP, progressive JPEG, interlaced PNG
)

// MostPixels is how many pixels a picture of that kind may have whose decoder holds all of it, and may take so many bytes of memory.
func MostPixels(memory int64, h Header) int64 {
	half := int64(heldOther)
	if h.ContentType == "image/heic" {
		half = h.heldHEIC()
	}
	return max(0, memory-heldAnyhow) * 2 / half
}

func (h Header) heldHEIC() int64 {
	half := int64(heldPlain)
	if h.Deep {
		half = heldDeep
	}
	if h.Dense {
		half += heldDense
	}
	if h.Alpha {
		half += heldAlpha
	}
	return half
}
