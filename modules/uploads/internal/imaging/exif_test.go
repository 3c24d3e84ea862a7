package imaging

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMakeVariants_RemovesEXIFAndGPS(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	plain := writePNG(t, filepath.Join(folder, "in.png"), twoColors(300, 200))
	source := filepath.Join(folder, "in.jpg")
	vips(t, "jpegsave", plain, source)
	content, err := os.ReadFile(source)
	require.NoError(t, err)
	exif := "Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x25\x88\x04\x00\x01\x00\x00\x00\x1a\x00\x00\x00\x00\x00\x00\x00" + // a GPS directory
		"\x01\x00\x02\x00\x02\x00\x05\x00\x00\x00GPSsecret"
	segment := append([]byte{0xFF, 0xE1, 0, byte(len(exif) + 2)}, exif...)
	require.NoError(t, os.WriteFile(source, append(append(content[:2:2], segment...), content[2:]...), 0o600))

	v, err := NewProcessor(roomy, "").MakeVariants(t.Context(), Source{Path: source}, folder)
	require.NoError(t, err)
	for _, size := range v.Sizes {
		for _, format := range Formats {
			variant, err := os.ReadFile(VariantPath(folder, size, format))
			require.NoError(t, err)
			require.NotContains(t, string(variant), "Exif")
			require.NotContains(t, string(variant), "GPS")
		}
	}
}
