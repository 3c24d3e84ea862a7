package main

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"math/rand/v2"
)

// palette is the colours of a room: wall, floor, sofa, accent.
type palette [4]color.RGBA

func rgb(v uint32) color.RGBA { return color.RGBA{uint8(v >> 16), uint8(v >> 8), uint8(v), 255} }

var palettes = []palette{
	{rgb(0xEDE6DA), rgb(0xB08D65), rgb(0x2F4F4F), rgb(0xD98E4A)},
	{rgb(0xDDE3E6), rgb(0x8C7B6B), rgb(0x7A8C99), rgb(0xE3B23C)},
	{rgb(0xF3EDE7), rgb(0xC9B79C), rgb(0xA65E4E), rgb(0x3E5C50)},
	{rgb(0xCFD8CB), rgb(0x6E5A48), rgb(0xE9E4D8), rgb(0x8A5A83)},
}

// room draws a room in a palette: a wall with a window, a floor, a sofa, a lamp, and light that varies with the seed.
func room(p palette, seed uint64, width, height int) []byte {
	r := rand.New(rand.NewPCG(seed, 7))
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	x := func(f float64) int { return int(f * float64(width)) }
	y := func(f float64) int { return int(f * float64(height)) }
	fill := func(x0, y0, x1, y1 float64, c color.RGBA) {
		draw.Draw(img, image.Rect(x(x0), y(y0), x(x1), y(y1)), image.NewUniform(c), image.Point{}, draw.Src)
	}
	horizon := 0.60 + r.Float64()*0.08
	fill(0, 0, 1, horizon, p[0])
	fill(0, horizon, 1, 1, p[1])
	left := 0.08 + r.Float64()*0.1
	fill(left, 0.12, left+0.26, 0.46, rgb(0xFFFFFF))
	fill(left+0.015, 0.14, left+0.245, 0.44, rgb(0xBFD7EA))
	sofa := 0.4 + r.Float64()*0.12
	fill(sofa, 0.50, sofa+0.42, 0.66, p[2])
	fill(sofa-0.03, 0.60, sofa+0.45, 0.76, p[2])
	fill(sofa+0.04, 0.53, sofa+0.14, 0.63, p[3])
	fill(0.93, 0.30, 0.94, 0.76, rgb(0x333333))
	fill(0.88, 0.20, 0.99, 0.32, p[3])
	shade(img, r)
	var out bytes.Buffer
	_ = jpeg.Encode(&out, img, &jpeg.Options{Quality: 88}) // writing to memory does not fail
	return out.Bytes()
}

// shade adds daylight from the left and a little grain, so that the picture is no flat drawing.
func shade(img *image.RGBA, r *rand.Rand) {
	b := img.Bounds()
	for y := range b.Dy() {
		for x := range b.Dx() {
			i := img.PixOffset(x, y)
			light := 12 - 30*x/b.Dx() + r.IntN(9) - 4
			for c := range 3 {
				img.Pix[i+c] = uint8(min(255, max(0, int(img.Pix[i+c])+light)))
			}
		}
	}
}

// product draws one thing on a light ground.
func product(c color.RGBA, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 11))
	img := image.NewRGBA(image.Rect(0, 0, 900, 900))
	draw.Draw(img, img.Bounds(), image.NewUniform(rgb(0xF5F3F0)), image.Point{}, draw.Src)
	w, h := 180+r.IntN(160), 180+r.IntN(160)
	draw.Draw(img, image.Rect(450-w, 450-h, 450+w, 450+h), image.NewUniform(c), image.Point{}, draw.Src)
	shade(img, r)
	var out bytes.Buffer
	_ = jpeg.Encode(&out, img, &jpeg.Options{Quality: 88}) // writing to memory does not fail
	return out.Bytes()
}
