package icc

// Coded are the code points by which video and HEIF tell colours (ITU-T H.273): primaries and transfer characteristics. The zero value
// says nothing.
type Coded struct{ Primaries, Transfer uint16 }

// primaries by their code points. Those of 1 are sRGB's, and so are taken to be those that are missing here.
var primaries = map[uint16]Primaries{
	4:  {Point{0.67, 0.33}, Point{0.21, 0.71}, Point{0.14, 0.08}, Point{0.310, 0.316}},
	5:  {Point{0.64, 0.33}, Point{0.29, 0.60}, Point{0.15, 0.06}, d65},
	6:  {Point{0.630, 0.340}, Point{0.310, 0.595}, Point{0.155, 0.070}, d65},
	7:  {Point{0.630, 0.340}, Point{0.310, 0.595}, Point{0.155, 0.070}, d65},
	9:  {Point{0.708, 0.292}, Point{0.170, 0.797}, Point{0.131, 0.046}, d65},
	11: {Point{0.680, 0.320}, Point{0.265, 0.690}, Point{0.150, 0.060}, Point{0.314, 0.351}},
	12: {Point{0.680, 0.320}, Point{0.265, 0.690}, Point{0.150, 0.060}, d65},
	22: {Point{0.630, 0.340}, Point{0.295, 0.605}, Point{0.155, 0.077}, d65},
}

// curves by their code points, as far as they are not sRGB's. Pictures that are said to have the curve of a camera for television
// (1, 6, 14, 15) are made on displays like all others, and browsers show them so.
var curves = map[uint16]Curve{4: Gamma(2.2), 5: Gamma(2.8), 8: Gamma(1)}

// Profile is the profile of pictures in those colours, or nil where they are those of sRGB.
func (c Coded) Profile() []byte {
	p, wide := primaries[c.Primaries]
	curve, own := curves[c.Transfer]
	if !wide && !own {
		return nil
	}
	if !wide {
		p = SRGB
	}
	return OfDisplay(p, curve)
}
