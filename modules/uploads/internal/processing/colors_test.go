package processing_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"image"
	"image/png"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/lucasb-eyer/go-colorful"
	"github.com/stretchr/testify/require"

	"atrium/modules/uploads/internal/moduletest"
	"atrium/modules/uploads/internal/upload"
)

// The colours that patches must have are Argyll's (https://www.argyllcms.com), which shares no code with libvips: relative colorimetric to
// its own sRGB, with the black point compensated as Adobe describes it. They are kept, because Argyll brings 108 MB along. Anybody who has
// it (Debian's package argyll) makes them again:
//
//	go test ./modules/uploads/internal/processing -run TestFault_P10 -reference
var writeReference = flag.Bool("reference", false, "write testdata/colors.json by Argyll's xicclu")

const referenceFile = "testdata/colors.json"

// argyllSRGB is the profile that the reference is in.
const argyllSRGB = "/usr/share/color/argyll/ref/sRGB.icm"

// patch is what a picture's channels say, from 0 to 1.
type patch []float64

// The patches of pictures in RGB, grey and inks: lights, darks, walls, woods, skins and colours as strong as there are.
var (
	rgbPatches = []patch{
		{1, 1, 1}, {0.9, 0.9, 0.9}, {0.5, 0.5, 0.5}, {0.2, 0.2, 0.2}, {0.08, 0.08, 0.08}, {0, 0, 0},
		{0.79, 0.72, 0.61}, {0.69, 0.19, 0.13}, {0.35, 0.24, 0.16}, {0.86, 0.66, 0.55}, {0.45, 0.32, 0.26}, {0.18, 0.31, 0.31},
		{0.3, 0.5, 0.2}, {0.15, 0.2, 0.45}, {0.55, 0.15, 0.35}, {0.95, 0.85, 0.3}, {0.2, 0.65, 0.7}, {0.9, 0.45, 0.15},
		{0.9, 0.1, 0.1}, {0.1, 0.8, 0.15}, {0.1, 0.15, 0.85}, {0.97, 0.94, 0.88}, {0.12, 0.09, 0.15}, {0.6, 0.62, 0.68},
	}
	greyPatches = []patch{{0}, {0.04}, {0.08}, {0.15}, {0.25}, {0.35}, {0.5}, {0.6}, {0.7}, {0.8}, {0.92}, {1}}
	inkPatches  = []patch{
		{0, 0, 0, 0}, {0, 0, 0, 0.5}, {0, 0, 0, 1}, {0.7, 0.65, 0.6, 0.9}, {0.2, 0.25, 0.4, 0.05}, {0.1, 0.9, 0.85, 0.15},
		{0.5, 0.6, 0.7, 0.4}, {0.05, 0.35, 0.4, 0}, {0.8, 0.3, 0.5, 0.2}, {0.6, 0.1, 0.8, 0.1}, {0.9, 0.7, 0.1, 0.1}, {0, 0.1, 0.85, 0},
		{0.3, 0.2, 0.2, 0}, {0.6, 0.5, 0.5, 0.2}, {0.15, 0.6, 0.1, 0}, {0.75, 0.05, 0.2, 0}, {0, 0.5, 0.9, 0}, {0.4, 0.4, 0.4, 0.6},
	}
)

// swatchCard is a picture of patches, as a phone, camera or editor would send it.
type swatchCard struct {
	name        string
	patches     []patch
	profile     []byte // by which the patches are meant
	contentType string
	content     func(w moduletest.Tools, c swatchCard) []byte
}

func swatchCards() []swatchCard {
	srgb := displayProfile(d65Display(0.64, 0.33, 0.30, 0.60, 0.15, 0.06), srgbCurve)
	p3 := displayProfile(d65Display(0.68, 0.32, 0.265, 0.69, 0.15, 0.06), srgbCurve)
	adobe := displayProfile(d65Display(0.64, 0.33, 0.21, 0.71, 0.15, 0.06), gammaCurve(563.0/256))
	wide := displayProfile(d65Display(0.708, 0.292, 0.17, 0.797, 0.131, 0.046), gammaCurve(1.8))
	linear := displayProfile(d65Display(0.68, 0.32, 0.265, 0.69, 0.15, 0.06), gammaCurve(1))
	return []swatchCard{
		{"sRGB without a profile", rgbPatches, srgb, "image/jpeg", bareJPEG},
		{"sRGB", rgbPatches, srgb, "image/jpeg", profiledJPEG},
		{"Display P3", rgbPatches, p3, "image/jpeg", profiledJPEG},
		{"Display P3, HEIC", rgbPatches, p3, "image/heic", profiledHEIC},
		{"Display P3 by nclx", rgbPatches, p3, "image/heic", codedHEIC},
		{"Display P3, WebP", rgbPatches, p3, "image/webp", profiledWebP},
		{"Adobe RGB", rgbPatches, adobe, "image/jpeg", profiledJPEG},
		{"Adobe RGB, PNG", rgbPatches, adobe, "image/png", profiledPNG},
		{"16 bits", rgbPatches, srgb, "image/png", deepPNG},
		{"16 bits, wide", rgbPatches, wide, "image/png", profiledDeepPNG},
		{"16 bits, linear", rgbPatches, linear, "image/png", profiledDeepPNG},
		{"grey, gamma 1.8", greyPatches, greyProfile(1.8), "image/jpeg", profiledJPEG},
		{"grey, gamma 2.2", greyPatches, greyProfile(2.2), "image/jpeg", profiledJPEG},
		{"grey, gamma 1.8, PNG", greyPatches, greyProfile(1.8), "image/png", profiledPNG},
		{"grey, gamma 1.8, 16 bits", greyPatches, greyProfile(1.8), "image/png", profiledDeepPNG},
		{"grey, gamma 1.8 by gAMA", greyPatches, greyProfile(1.8), "image/png", gammaPNG},
		{"CMYK with its own profile", inkPatches, inkProfile(), "image/jpeg", profiledJPEG},
	}
}

// The embedded profile decides: flat patches of every variant are within dE2000 3 of the reference.
func TestFault_P10_TheProfileDecides(t *testing.T) {
	b := moduletest.Setup(t)
	w := moduletest.NewTools(t)
	cards := swatchCards()
	if *writeReference {
		saveReference(t, cards)
	}
	reference := map[string][]string{}
	content, err := os.ReadFile(referenceFile)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(content, &reference))
	for _, card := range cards {
		id, completed := b.Send(card.contentType, card.content(w, card))
		require.Equal(t, http.StatusAccepted, completed.Status, "%s: %s", card.name, completed.Body)
		b.Drain()
		state := b.Find(id)
		require.Equal(t, string(upload.Ready), state.Status, "%s: %s", card.name, state.Reason)
		want := reference[card.name]
		require.Len(t, want, len(card.patches), card.name)
		worst := 0.0
		for _, format := range state.Photo.Formats {
			for _, size := range state.Photo.Sizes {
				_, body := moduletest.Fetch(t, *state.Photo, size, format)
				shown := w.Decode(body)
				for i := range card.patches {
					wanted, err := colorful.Hex(want[i])
					require.NoError(t, err)
					away := patchAt(shown, len(card.patches), i).DistanceCIEDE2000(wanted) * 100
					worst = max(worst, away)
					require.Less(t, away, 3.0, "%s, %v in %d.%s: want %s, got %s", card.name, card.patches[i], size, format, want[i],
						patchAt(shown, len(card.patches), i).Hex())
				}
			}
		}
		t.Logf("%s: dE2000 at most %.2f", card.name, worst)
	}
}

const (
	columns   = 6
	patchSide = 100
)

// cell is where a patch lies in a picture of that width with so many.
func cell(width, i int) image.Rectangle {
	side := width / columns
	at := image.Pt(i%columns, i/columns).Mul(side)
	return image.Rectangle{at, at.Add(image.Pt(side, side))}
}

// patchAt is the mean of the inner half of a patch.
func patchAt(shown image.Image, patches, i int) colorful.Color {
	inner := cell(shown.Bounds().Dx(), i)
	inner = inner.Inset(inner.Dx() / 4)
	var sum [3]float64
	for y := inner.Min.Y; y < inner.Max.Y; y++ {
		for x := inner.Min.X; x < inner.Max.X; x++ {
			r, g, b, _ := shown.At(x, y).RGBA()
			sum[0], sum[1], sum[2] = sum[0]+float64(r), sum[1]+float64(g), sum[2]+float64(b)
		}
	}
	n := float64(inner.Dx()*inner.Dy()) * 0xFFFF
	return colorful.Color{R: sum[0] / n, G: sum[1] / n, B: sum[2] / n}
}

// raw is the card's pixels, each channel of so many bytes.
func (c swatchCard) raw(depth int) (pixels []byte, width, height int) {
	width, height = columns*patchSide, (len(c.patches)+columns-1)/columns*patchSide
	for y := range height {
		for x := range width {
			for _, v := range c.patches[y/patchSide*columns+x/patchSide] {
				if depth == 2 {
					pixels = binary.BigEndian.AppendUint16(pixels, uint16(math.Round(v*0xFFFF)))
				} else {
					pixels = append(pixels, byte(math.Round(v*0xFF)))
				}
			}
		}
	}
	return pixels, width, height
}

// png is the card in RGB or grey, without a profile.
func (c swatchCard) png(depth int) []byte {
	pixels, width, height := c.raw(depth)
	area := image.Rect(0, 0, width, height)
	var img image.Image
	switch bands := len(c.patches[0]); {
	case bands == 1 && depth == 2:
		img = &image.Gray16{Pix: pixels, Stride: 2 * width, Rect: area}
	case bands == 1:
		img = &image.Gray{Pix: pixels, Stride: width, Rect: area}
	case depth == 2:
		img = image.NewNRGBA64(area)
		for i := range width * height {
			copy(img.(*image.NRGBA64).Pix[8*i:], append(bytes.Clone(pixels[6*i:6*i+6]), 0xFF, 0xFF))
		}
	default:
		img = image.NewNRGBA(area)
		for i := range width * height {
			copy(img.(*image.NRGBA).Pix[4*i:], append(bytes.Clone(pixels[3*i:3*i+3]), 0xFF))
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err) // a buffer takes everything
	}
	return b.Bytes()
}

// withChunk puts a chunk behind the head of a PNG.
func withChunk(content []byte, name string, body []byte) []byte {
	const afterIHDR = 8 + 25
	return bytes.Join([][]byte{content[:afterIHDR], moduletest.PNGChunk(name, body), content[afterIHDR:]}, nil)
}

func (c swatchCard) profiledPNG(depth int) []byte {
	var b bytes.Buffer
	b.WriteString("own\x00\x00")
	z := zlib.NewWriter(&b)
	_, _ = z.Write(c.profile)
	_ = z.Close() // a buffer takes everything
	return withChunk(c.png(depth), "iCCP", b.Bytes())
}

func profiledPNG(_ moduletest.Tools, c swatchCard) []byte     { return c.profiledPNG(1) }
func profiledDeepPNG(_ moduletest.Tools, c swatchCard) []byte { return c.profiledPNG(2) }
func deepPNG(_ moduletest.Tools, c swatchCard) []byte         { return c.png(2) }

func gammaPNG(_ moduletest.Tools, c swatchCard) []byte {
	return withChunk(c.png(1), "gAMA", binary.BigEndian.AppendUint32(nil, 55_556))
}

func bareJPEG(w moduletest.Tools, c swatchCard) []byte {
	pixels, width, height := c.raw(1)
	w.Write("card.raw", pixels)
	bands := len(c.patches[0])
	space := map[int]string{1: "b-w", 3: "srgb", 4: "cmyk"}[bands]
	w.Run("raw.v", "vips", "rawload", "card.raw", "raw.v", strconv.Itoa(width), strconv.Itoa(height), strconv.Itoa(bands))
	w.Run("card.v", "vips", "copy", "raw.v", "card.v", "--interpretation", space)
	return w.Run("card.jpg", "vips", "jpegsave", "card.v", "card.jpg", "--Q", "97", "--subsample-mode", "off")
}

func profiledJPEG(w moduletest.Tools, c swatchCard) []byte {
	content := bareJPEG(w, c)
	const most = 60_000
	out := bytes.Clone(content[:2])
	all := (len(c.profile) + most - 1) / most
	for i := range all {
		part := c.profile[i*most : min(len(c.profile), (i+1)*most)]
		out = append(out, moduletest.JPEGSegment(0xE2, append(append([]byte("ICC_PROFILE\x00"), byte(i+1), byte(all)), part...))...)
	}
	return append(out, content[2:]...)
}

func profiledWebP(w moduletest.Tools, c swatchCard) []byte {
	w.Write("profiled.png", c.profiledPNG(1))
	return w.Run("card.webp", "vips", "webpsave", "profiled.png", "card.webp", "--lossless")
}

func profiledHEIC(w moduletest.Tools, c swatchCard) []byte {
	w.Write("profiled.png", c.profiledPNG(1))
	return w.Run("card.heic", "heif-enc", "-q", "97", "profiled.png", "-o", "card.heic")
}

func codedHEIC(w moduletest.Tools, c swatchCard) []byte {
	w.Write("bare.png", c.png(1))
	const displayP3, srgb = 12, 13
	return w.WithProperties(w.Run("card.heic", "heif-enc", "-q", "97", "bare.png", "-o", "card.heic"), moduletest.Nclx(displayP3, srgb))
}

// saveReference asks Argyll.
func saveReference(t *testing.T, cards []swatchCard) {
	t.Helper()
	all := map[string][]string{}
	for _, card := range cards {
		path := filepath.Join(t.TempDir(), "own.icm")
		require.NoError(t, os.WriteFile(path, card.profile, 0o600))
		seen := xicclu(t, card.patches, "-ff", "-ir", "-px", path)
		if len(card.patches[0]) == 4 {
			seen = compensated(seen, inkBlack(t, path))
		}
		for _, rgb := range xicclu(t, seen, "-fb", "-ir", "-px", argyllSRGB) {
			all[card.name] = append(all[card.name], colorful.Color{R: rgb[0], G: rgb[1], B: rgb[2]}.Clamped().Hex())
		}
	}
	content, err := json.MarshalIndent(all, "", "\t")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(referenceFile, append(content, '\n'), 0o600))
}

// xicclu looks colours up in a profile.
func xicclu(t *testing.T, in []patch, arguments ...string) (out []patch) {
	t.Helper()
	var lines strings.Builder
	for _, p := range in {
		fmt.Fprintln(&lines, strings.Trim(fmt.Sprint([]float64(p)), "[]"))
	}
	command := exec.CommandContext(t.Context(), "xicclu", append([]string{"-v0"}, arguments...)...)
	command.Stdin = strings.NewReader(lines.String())
	text, err := command.Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		var p patch
		for _, field := range strings.Fields(line) {
			if v, err := strconv.ParseFloat(field, 64); err == nil {
				p = append(p, v)
			}
		}
		if len(p) > 0 {
			out = append(out, p)
		}
	}
	require.Len(t, out, len(in), "%s", text)
	return out
}

// inkBlack is the darkest that a printer's perceptual table makes of black, seen relatively and without a tint: its black point.
func inkBlack(t *testing.T, profile string) float64 {
	t.Helper()
	ink := xicclu(t, []patch{{0, 0, 0}}, "-fb", "-ip", "-pl", profile)
	lab := xicclu(t, ink, "-ff", "-ir", "-pl", profile)[0]
	f := (min(lab[0], 50) + 16) / 116
	return f * f * f
}

// compensated maps a black of that luminance to none, in XYZ under D50.
func compensated(seen []patch, black float64) (out []patch) {
	for _, xyz := range seen {
		var p patch
		for i, white := range []float64{0.9642, 1, 0.8249} {
			p = append(p, max(0, white*(xyz[i]/white-black)/(1-black)))
		}
		out = append(out, p)
	}
	return out
}
