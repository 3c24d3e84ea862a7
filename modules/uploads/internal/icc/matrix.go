package icc

type vector [3]float64

// matrix is in rows.
type matrix [3]vector

func (m matrix) column(i int) vector { return vector{m[0][i], m[1][i], m[2][i]} }

func (m matrix) of(v vector) (out vector) {
	for i, row := range m {
		out[i] = row[0]*v[0] + row[1]*v[1] + row[2]*v[2]
	}
	return out
}

func (m matrix) times(o matrix) (out matrix) {
	for j := range 3 {
		c := m.of(o.column(j))
		for i := range 3 {
			out[i][j] = c[i]
		}
	}
	return out
}

// scaled multiplies each column by a number.
func (m matrix) scaled(by vector) matrix {
	return m.times(matrix{{by[0], 0, 0}, {0, by[1], 0}, {0, 0, by[2]}})
}

func (m matrix) inverse() (out matrix) {
	det := 0.0
	for i := range 3 {
		for j := range 3 {
			a, b, c, d := (i+1)%3, (i+2)%3, (j+1)%3, (j+2)%3
			out[j][i] = m[a][c]*m[b][d] - m[a][d]*m[b][c]
		}
		det += m[0][i] * out[i][0]
	}
	for i := range out {
		for j := range out[i] {
			out[i][j] /= det
		}
	}
	return out
}

// xyz is the colour of that chromaticity with Y = 1.
func (p Point) xyz() vector { return vector{p.X / p.Y, 1, (1 - p.X - p.Y) / p.Y} }

// columns are the primaries' colours.
func (p Primaries) columns() matrix {
	r, g, b := p.Red.xyz(), p.Green.xyz(), p.Blue.xyz()
	return matrix{{r[0], g[0], b[0]}, {r[1], g[1], b[1]}, {r[2], g[2], b[2]}}
}

// shares is how much of each primary the white has. They are not numbers where the primaries lie on a line.
func (p Primaries) shares() vector { return p.columns().inverse().of(p.White.xyz()) }

// toXYZ takes a display's linear RGB to CIE XYZ: its white is all three at full.
func (p Primaries) toXYZ() matrix { return p.columns().scaled(p.shares()) }

// bradford takes XYZ to the responses of the eye that adapt to a white.
var bradford = matrix{{0.8951, 0.2664, -0.1614}, {-0.7502, 1.7135, 0.0367}, {0.0389, -0.0685, 1.0296}}

// toD50 shows what is seen under a white as it is seen under profiles' own.
func toD50(white vector) matrix {
	from, to := bradford.of(white), bradford.of(d50)
	adapt := matrix{{to[0] / from[0], 0, 0}, {0, to[1] / from[1], 0}, {0, 0, to[2] / from[2]}}
	return bradford.inverse().times(adapt).times(bradford)
}
