package imaging

import (
	"bytes"
	"image"
	"image/color"
	imagepng "image/png"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/lucasb-eyer/go-colorful"
	"github.com/stretchr/testify/require"

	"atrium/modules/uploads/internal/icc"
)

// room is a wall in the light of a lamp, a shelf of books and a floor of wood, with the grain of a camera.
func room(width, height int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	grain := rand.New(rand.NewPCG(3, 4))
	for y := range height {
		for x := range width {
			fx, fy := float64(x)/float64(width), float64(y)/float64(height)
			r, g, b := wallAt(fx, fy)
			switch {
			case fy > 0.72: // boards, each with its own tone and fibres
				board := math.Floor(fx*9 + fy*2)
				fibre := math.Sin(fx*900+3*math.Sin(fy*40+board)) * 9
				tone := math.Mod(board*37, 30)
				r, g, b = 150+tone+fibre, 105+tone+fibre, 66+tone+fibre/2
			case fx > 0.6 && fy > 0.25 && fy < 0.6: // books
				book := math.Floor(fx * 70)
				r, g, b = 40+math.Mod(book*67, 180), 40+math.Mod(book*41, 160), 50+math.Mod(book*89, 150)
				if math.Mod(fy*60, 6) < 1 {
					r, g, b = 255-r, 255-g, 255-b
				}
			}
			n := grain.NormFloat64() * 2.5
			img.SetNRGBA(x, y, color.NRGBA{level(r + n), level(g + n), level(b + n), 0xFF})
		}
	}
	return img
}

func level(v float64) uint8 { return uint8(math.Round(min(max(v, 0), 255))) }

// wallAt is a wall that goes from light to shadow within twenty levels.
func wallAt(fx, fy float64) (r, g, b float64) {
	light := math.Exp(-((fx-0.3)*(fx-0.3) + (fy-0.2)*(fy-0.2)) * 1.5)
	return 190 + 22*light, 182 + 20*light, 168 + 16*light
}

// wall is nothing but that.
func wall(width, height int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	grain := rand.New(rand.NewPCG(5, 6))
	for y := range height {
		for x := range width {
			r, g, b := wallAt(float64(x)/float64(width), float64(y)/float64(height))
			n := grain.NormFloat64() * 1.5
			img.SetNRGBA(x, y, color.NRGBA{level(r + n), level(g + n), level(b + n), 0xFF})
		}
	}
	return img
}

// luma is a picture's lightness in rows, as codecs weigh it.
func luma(img image.Image) (rows [][]float64) {
	area := img.Bounds()
	for y := area.Min.Y; y < area.Max.Y; y++ {
		row := make([]float64, 0, area.Dx())
		for x := area.Min.X; x < area.Max.X; x++ {
			r, g, b, _ := img.At(x, y).RGBA()
			row = append(row, (0.299*float64(r)+0.587*float64(g)+0.114*float64(b))/257)
		}
		rows = append(rows, row)
	}
	return rows
}

// ssim is the structural similarity of two pictures (Wang et al. 2004), the mean over windows of 8 by 8 pixels.
func ssim(a, b [][]float64) float64 {
	const side, step, c1, c2 = 8, 4, 6.5025, 58.5225
	sum, windows := 0.0, 0.0
	for y := 0; y+side <= len(a); y += step {
		for x := 0; x+side <= len(a[0]); x += step {
			var ma, mb, aa, bb, ab float64
			for j := range side {
				for i := range side {
					va, vb := a[y+j][x+i], b[y+j][x+i]
					ma, mb, aa, bb, ab = ma+va, mb+vb, aa+va*va, bb+vb*vb, ab+va*vb
				}
			}
			const n = side * side
			ma, mb = ma/n, mb/n
			sum += (2*ma*mb + c1) * (2*(ab/n-ma*mb) + c2) / ((ma*ma + mb*mb + c1) * (aa/n - ma*ma + bb/n - mb*mb + c2))
			windows++
		}
	}
	return sum / windows
}

// encoded is a file beside the picture that it shows.
type encoded struct {
	bytes int64
	ssim  float64
}

func measured(t testing.TB, path string, original [][]float64) encoded {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return encoded{info.Size(), ssim(original, luma(open(t, path)))}
}

// cwebp is libwebp's own program at its own effort.
func cwebp(t testing.TB, in, out string, quality int) string {
	t.Helper()
	text, err := exec.CommandContext(t.Context(), "cwebp", "-quiet", "-m", "4", "-q", strconv.Itoa(quality), in, "-o", out).CombinedOutput()
	require.NoError(t, err, "%s", text)
	return out
}

// bytesAlike is how many bytes cwebp takes to show a picture as well.
func bytesAlike(t testing.TB, in string, original [][]float64, wanted float64) float64 {
	t.Helper()
	at := func(quality int) encoded {
		return measured(t, cwebp(t, in, filepath.Join(t.TempDir(), "peer.webp"), quality), original)
	}
	low, high := 66, 98
	under, over := at(low), at(high)
	require.True(t, under.ssim < wanted && wanted < over.ssim, "%f is not between %f and %f", wanted, under.ssim, over.ssim)
	for high-low > 1 {
		middle := (low + high) / 2
		if m := at(middle); m.ssim < wanted {
			low, under = middle, m
		} else {
			high, over = middle, m
		}
	}
	share := (wanted - under.ssim) / (over.ssim - under.ssim)
	return float64(under.bytes) + share*float64(over.bytes-under.bytes)
}

// A WebP takes at most a tenth more than what `cwebp -m 4` makes, shown as well.
func TestFault_P12_NoLargerThanCWebP(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	source := writePNG(t, filepath.Join(folder, "in.png"), room(1600, 1200))
	v, err := NewProcessor(roomy, "").MakeVariants(t.Context(), Source{Path: source}, folder)
	require.NoError(t, err)
	for _, size := range v.Sizes {
		pixels, err := readPixels(rawFile(folder, size))
		require.NoError(t, err)
		original := luma(pixels)
		in := filepath.Join(folder, "peer.png")
		vips(t, "copy", rawFile(folder, size), in)
		ours, jpeg := measured(t, VariantPath(folder, size, "webp"), original), measured(t, VariantPath(folder, size, "jpeg"), original)
		peer := bytesAlike(t, in, original, ours.ssim)
		t.Logf("%d: %d bytes, SSIM %.4f; cwebp -m 4 shows it as well with %.0f bytes (%+.1f %%); JPEG %d bytes, SSIM %.4f", size, ours.bytes, ours.ssim,
			peer, 100*(float64(ours.bytes)/peer-1), jpeg.bytes, jpeg.ssim)
		require.LessOrEqual(t, float64(ours.bytes), 1.10*peer, "%d", size)
	}
}

// blocks are the mean colours of a picture's squares of 16 pixels: what stays of a wall without its grain.
func blocks(img image.Image) (rows [][]colorful.Color) {
	const side = 16
	area := img.Bounds()
	for y := area.Min.Y; y+side <= area.Max.Y; y += side {
		var row []colorful.Color
		for x := area.Min.X; x+side <= area.Max.X; x += side {
			var sum [3]float64
			for j := range side {
				for i := range side {
					r, g, b, _ := img.At(x+i, y+j).RGBA()
					sum[0], sum[1], sum[2] = sum[0]+float64(r), sum[1]+float64(g), sum[2]+float64(b)
				}
			}
			const n = side * side * 0xFFFF
			row = append(row, colorful.Color{R: sum[0] / n, G: sum[1] / n, B: sum[2] / n})
		}
		rows = append(rows, row)
	}
	return rows
}

// edges says how visible the borders of bands are: the difference between neighbouring squares beyond that of the original, as dE2000. It
// returns the mean, and that of the worst hundredth.
func edges(original, shown [][]colorful.Color) (mean, worst float64) {
	var all []float64
	for y := range shown {
		for x := range shown[y] {
			for _, next := range [][2]int{{y + 1, x}, {y, x + 1}} {
				if next[0] >= len(shown) || next[1] >= len(shown[y]) {
					continue
				}
				was := original[y][x].DistanceCIEDE2000(original[next[0]][next[1]])
				is := shown[y][x].DistanceCIEDE2000(shown[next[0]][next[1]])
				all = append(all, 100*max(0, is-was))
			}
		}
	}
	for _, v := range all {
		mean += v / float64(len(all))
	}
	slices.Sort(all)
	return mean, all[len(all)*99/100]
}

// A smooth wall shows no bands: where neighbouring squares differ more than those of the original, it can hardly be seen. 1 is just
// visible where two colours lie side by side.
func TestFault_P12_WallsAreSmooth(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	source := writePNG(t, filepath.Join(folder, "in.png"), wall(2200, 1650))
	v, err := NewProcessor(roomy, "").MakeVariants(t.Context(), Source{Path: source}, folder)
	require.NoError(t, err)
	for _, size := range v.Sizes[1:] {
		pixels, err := readPixels(rawFile(folder, size))
		require.NoError(t, err)
		for _, format := range Formats {
			mean, hundredth := edges(blocks(pixels), blocks(open(t, VariantPath(folder, size, format))))
			t.Logf("wall %d, %s: mean %.3f, one in a hundred %.2f", size, format, mean, hundredth)
			require.Less(t, hundredth, 1.2)
		}
	}
}

// BenchmarkMakeVariants tells what a photo of 12 megapixels costs: the children's time of computing, whatever else the machine does.
func BenchmarkMakeVariants(b *testing.B) {
	folder := b.TempDir()
	vips := func(arguments ...string) {
		out, err := exec.CommandContext(b.Context(), arguments[0], arguments[1:]...).CombinedOutput()
		require.NoError(b, err, "%s", out)
	}
	png := filepath.Join(folder, "room.png")
	var content bytes.Buffer
	require.NoError(b, (&imagepng.Encoder{CompressionLevel: imagepng.BestSpeed}).Encode(&content, room(4000, 3000)))
	require.NoError(b, os.WriteFile(png, content.Bytes(), 0o600))
	jpeg, heic := filepath.Join(folder, "room.jpg"), filepath.Join(folder, "room.heic")
	vips("vips", "jpegsave", png, jpeg, "--Q", "92")
	vips("heif-enc", "-p", "preset=ultrafast", jpeg, "-o", heic)
	p3 := filepath.Join(folder, "p3.icc")
	wide := icc.Coded{Primaries: 12}
	require.NoError(b, os.WriteFile(p3, wide.Profile(), 0o600))
	for name, source := range map[string]Source{
		"jpeg": {Path: jpeg}, "heic": {Path: heic, HEIF: true}, "heic in P3": {Path: heic, HEIF: true, Profile: p3},
	} {
		b.Run(name, func(b *testing.B) {
			var before, after syscall.Rusage
			require.NoError(b, syscall.Getrusage(syscall.RUSAGE_CHILDREN, &before))
			for b.Loop() {
				_, err := NewProcessor(roomy, "").MakeVariants(b.Context(), source, b.TempDir())
				require.NoError(b, err)
			}
			require.NoError(b, syscall.Getrusage(syscall.RUSAGE_CHILDREN, &after))
			took := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
			b.ReportMetric(took.Seconds()/float64(b.N), "cpu-s/op")
		})
	}
}
