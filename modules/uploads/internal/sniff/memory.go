package sniff

// What the decoder of HEIC takes at most, measured with libheif 1.15 and libvips 8.14 as RLIMIT_DATA counts it: the coded picture, planes of
// it in RGB, and those woven into one. Tiles save nothing: libheif composes all of them before it converts.
const (
	heldAnyhow = 52 << 20 // bytes, whatever the picture
	// Half bytes a pixel.
	heldPlain = 14 // 8 bits, 4:2:0: 125 MB for 12 megapixels, 198 for 24, 350 for 48
	heldDeep  = 26 // 10 bits: 200 MB for 12 megapixels, 343 for 24
	heldDense = 2  // more for 4:4:4
	heldAlpha = 16 // more for transparency
)

// MostPixels is how many pixels a HEIC picture of that kind may have whose decoder may take so many bytes of memory.
func MostPixels(memory int64, h Header) int64 {
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
	return max(0, memory-heldAnyhow) * 2 / half
}
