package app

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"testing"

	"github.com/stretchr/testify/require"
)

// smallJPEG is a photo that is quick to work on.
func smallJPEG(t testing.TB) []byte {
	t.Helper()
	picture := image.NewRGBA(image.Rect(0, 0, 320, 240))
	draw.Draw(picture, picture.Bounds(), image.NewUniform(color.RGBA{201, 183, 156, 255}), image.Point{}, draw.Src)
	draw.Draw(picture, image.Rect(0, 160, 320, 240), image.NewUniform(color.RGBA{47, 79, 79, 255}), image.Point{}, draw.Src)
	var out bytes.Buffer
	require.NoError(t, jpeg.Encode(&out, picture, nil))
	return out.Bytes()
}
