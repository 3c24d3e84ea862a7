package imaging

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lucasb-eyer/go-colorful"
	"github.com/stretchr/testify/require"
)

var roomy = Limits{Time: time.Minute, Memory: 384 << 20, Disk: 420 << 20}

var (
	sand  = color.NRGBA{0xc9, 0xb7, 0x9c, 0xff}
	slate = color.NRGBA{0x2f, 0x4f, 0x4f, 0xff}
)

// twoColors is sand with slate in its right quarter.
func twoColors(width, height int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			img.SetNRGBA(x, y, sand)
			if x >= width*3/4 {
				img.SetNRGBA(x, y, slate)
			}
		}
	}
	return img
}

func writePNG(t *testing.T, path string, img image.Image) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, img))
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
	return path
}

// vips runs libvips on fixtures.
func vips(t testing.TB, arguments ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "vips", arguments...).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// open decodes a variant with libvips: Go's WebP decoder takes WebP's narrow YCbCr for the full range, and shows white as grey.
func open(t testing.TB, path string) image.Image {
	t.Helper()
	plain := filepath.Join(t.TempDir(), "plain.png")
	vips(t, "copy", path, plain)
	content, err := os.ReadFile(plain)
	require.NoError(t, err)
	img, err := png.Decode(bytes.NewReader(content))
	require.NoError(t, err)
	return img
}

// near is the distance of two colours as CIE dE2000, on the scale on which 1 is just visible.
func near(t *testing.T, want, got color.Color) {
	t.Helper()
	w, _ := colorful.MakeColor(want)
	g, _ := colorful.MakeColor(got)
	require.Less(t, w.DistanceCIEDE2000(g)*100, 3.0, "want %s, got %s", w.Hex(), g.Hex())
}

func hex(t *testing.T, s string) color.Color {
	t.Helper()
	c, err := colorful.Hex(s)
	require.NoError(t, err)
	return c
}

func TestMakeVariants(t *testing.T) {
	t.Parallel()
	makeAs := func(t *testing.T, source Source) (Variants, string) {
		t.Helper()
		t.Parallel()
		folder := t.TempDir()
		p, err := NewProcessor(roomy, "").MakeVariants(t.Context(), source, folder)
		require.NoError(t, err)
		return p, folder
	}
	makeVariants := func(t *testing.T, path string) (Variants, string) { return makeAs(t, Source{Path: path}) }

	t.Run("makes every size in every format and never enlarges", func(t *testing.T) {
		for extent, want := range map[[2]int][]int{
			{2400, 1800}: {200, 640, 1080, 2048},
			{700, 1500}:  {200, 640, 1080, 1500},
			{640, 100}:   {200, 640},
			{9, 5}:       {9},
		} {
			t.Run(fmt.Sprint(extent), func(t *testing.T) {
				source := writePNG(t, filepath.Join(t.TempDir(), "in.png"), twoColors(extent[0], extent[1]))
				p, folder := makeVariants(t, source)
				require.Equal(t, want, p.Sizes)
				for _, size := range p.Sizes {
					for _, format := range Formats {
						b := open(t, VariantPath(folder, size, format)).Bounds()
						require.Equal(t, size, max(b.Dx(), b.Dy()), format)
						require.Equal(t, b.Dx() > b.Dy(), extent[0] > extent[1])
					}
				}
				require.NotEmpty(t, p.Blurhash)
			})
		}
	})

	t.Run("finds the two colours of a picture of two colours", func(t *testing.T) {
		p, _ := makeVariants(t, writePNG(t, filepath.Join(t.TempDir(), "in.png"), twoColors(1600, 1200)))
		require.Len(t, p.Palette, 2)
		near(t, sand, hex(t, p.Palette[0].Color))
		near(t, slate, hex(t, p.Palette[1].Color))
		require.InDelta(t, 0.75, p.Palette[0].Weight, 0.02)
		require.Equal(t, 1.0, p.Palette[0].Weight+p.Palette[1].Weight)
	})

	t.Run("puts what is transparent on white", func(t *testing.T) {
		img := twoColors(300, 200)
		for i := range img.Pix {
			if i%4 == 3 {
				img.Pix[i] = 0
			}
		}
		p, folder := makeVariants(t, writePNG(t, filepath.Join(t.TempDir(), "in.png"), img))
		require.Equal(t, "#ffffff", p.Palette[0].Color)
		for _, format := range Formats {
			near(t, color.White, open(t, VariantPath(folder, 300, format)).At(10, 10))
		}
	})

	for name, convert := range map[string]func(t *testing.T, in, out string){
		"a jpeg without a profile": func(t *testing.T, in, out string) { vips(t, "jpegsave", in, out+"in.jpg", "--Q", "95", "--strip") },
		"16 bit": func(t *testing.T, in, out string) {
			vips(t, "colourspace", in, out+"in.png", "rgb16")
		},
		"grey": func(t *testing.T, in, out string) { vips(t, "colourspace", in, out+"in.png", "b-w") },
		"heic": func(t *testing.T, in, out string) {
			text, err := exec.CommandContext(t.Context(), "heif-enc", "-q", "90", in, "-o", out+"in.heic").CombinedOutput()
			require.NoError(t, err, "%s", text)
		},
		"webp": func(t *testing.T, in, out string) { vips(t, "copy", in, out+"in.webp") },
	} {
		t.Run("shows "+name+" in sRGB", func(t *testing.T) {
			folder := t.TempDir() + "/"
			convert(t, writePNG(t, filepath.Join(t.TempDir(), "in.png"), twoColors(512, 384)), folder)
			found, err := filepath.Glob(folder + "in.*")
			require.NoError(t, err)
			require.Len(t, found, 1)
			p, out := makeAs(t, Source{Path: found[0], HEIF: name == "heic"})
			want := [2]color.Color{sand, slate}
			if name == "grey" {
				want = [2]color.Color{grey(sand), grey(slate)}
			}
			for _, format := range Formats {
				img := open(t, VariantPath(out, 512, format))
				near(t, want[0], img.At(40, 40))
				near(t, want[1], img.At(500, 300))
			}
			near(t, want[0], hex(t, p.Palette[0].Color))
		})
	}
}

// grey has the lightness of a colour.
func grey(c color.Color) color.Color {
	x, _ := colorful.MakeColor(c)
	l, _, _ := x.Lab()
	return colorful.Lab(l, 0, 0).Clamped()
}

func TestMakeVariantsRefuses(t *testing.T) {
	t.Parallel()
	var whole bytes.Buffer
	require.NoError(t, jpeg.Encode(&whole, twoColors(800, 600), nil))
	half := whole.Bytes()[:whole.Len()/2]
	for name, content := range map[string][]byte{
		"a truncated picture": half,
		"no bytes":            nil,
		"text":                []byte("this is no picture"),
		"svg":                 []byte(`<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><rect width="9" height="9"/></svg>`),
		"pnm":                 []byte("P5 2 2 255\n...."),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			source := filepath.Join(folder, "source")
			require.NoError(t, os.WriteFile(source, content, 0o600))
			_, err := NewProcessor(roomy, "").MakeVariants(t.Context(), Source{Path: source}, folder)
			require.ErrorIs(t, err, ErrCorrupt)
		})
	}

	t.Run("a picture that needs more memory than it may", func(t *testing.T) {
		t.Parallel()
		folder := t.TempDir()
		png := filepath.Join(folder, "in.png")
		vips(t, "black", png, "6000", "6000", "--bands", "3")
		source := filepath.Join(folder, "in.webp") // libwebp holds all of it
		vips(t, "webpsave", png, source, "--lossless", "--effort", "0")
		tight := roomy
		tight.Memory = 64 << 20
		_, err := NewProcessor(tight, "").MakeVariants(t.Context(), Source{Path: source}, folder)
		require.ErrorIs(t, err, ErrOutOfMemory)
	})
}

func TestMakeVariantsKillsAHangingChild(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	hanging := filepath.Join(folder, "pid")
	script := "#!/bin/sh\necho $$ > " + hanging + "\nexec sleep 600\n"
	require.NoError(t, os.WriteFile(filepath.Join(folder, "vips"), []byte(script), 0o700))
	quick := roomy
	quick.Time = 3 * time.Second // in which the child has surely begun
	began := time.Now()
	_, err := NewProcessor(quick, folder).MakeVariants(t.Context(), Source{Path: "source"}, folder)
	require.ErrorIs(t, err, ErrTooLong)
	require.Less(t, time.Since(began), 30*time.Second)
	pid, err := os.ReadFile(hanging)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return !running(strings.TrimSpace(string(pid))) }, 5*time.Second, 10*time.Millisecond)
}

// running reports whether a process lives: one that is killed and not yet waited for does not.
func running(pid string) bool {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func TestMakeVariantsDoesNotBlameThePictureWhenTheWorkerStops(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := NewProcessor(roomy, "").MakeVariants(ctx, Source{Path: "source"}, t.TempDir())
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, ErrTooLong)
}

func TestPalette(t *testing.T) {
	t.Parallel()
	t.Run("is the same for the same picture, has at most six colours, largest first, and sums to one", func(t *testing.T) {
		t.Parallel()
		img := image.NewNRGBA(image.Rect(0, 0, 64, 64))
		for y := range 64 {
			for x := range 64 {
				img.SetNRGBA(x, y, color.NRGBA{uint8(x * 4), uint8(y * 4), uint8((x * y) % 256), 255})
			}
		}
		first := palette(img)
		require.LessOrEqual(t, len(first), maxColors)
		require.Greater(t, len(first), 3)
		units := 0.0
		for i, s := range first {
			units += s.Weight * weightUnits
			require.True(t, i == 0 || s.Weight <= first[i-1].Weight, "%v", first)
		}
		require.InDelta(t, weightUnits, units, 1e-6)
		for range 20 {
			require.Equal(t, first, palette(img))
		}
	})
	t.Run("of one colour is one colour", func(t *testing.T) {
		t.Parallel()
		img := image.NewNRGBA(image.Rect(0, 0, 1, 1))
		img.SetNRGBA(0, 0, slate)
		require.Len(t, palette(img), 1)
		require.Equal(t, "#2f4f4f", palette(img)[0].Color)
	})
}

func TestFault_P8_ComputingIsBoundedByThePixels(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "vips"), []byte("#!/bin/sh\nwhile :; do :; done\n"), 0o700))
	limits := roomy
	limits.Time, limits.Pixels = 10*time.Second, 50_000_000
	require.Equal(t, 2*time.Second, limits.compute(0))
	require.Equal(t, 6*time.Second, limits.compute(25_000_000))
	require.Equal(t, 10*time.Second, limits.compute(500_000_000))
	limits.Time = time.Second
	err := NewProcessor(limits, folder).run(t.Context(), folder, trusted, "vips")
	require.ErrorIs(t, err, ErrTooLong, "without a clock")
}
