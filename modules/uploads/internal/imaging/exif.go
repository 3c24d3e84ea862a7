package imaging

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
)

const (
	riffHead  = 12 // RIFF, length, WEBP
	chunkHead = 8  // name, length
)

// stripEXIFAndGPS removes all metadata (EXIF with its GPS position, XMP, IPTC, colour profiles) from a file in libvips' own format: it cuts
// off what follows the pixels. Variants made of it then cannot have any, whatever the savers make of their option to strip:
// webpsave of libvips 8.14 ignores it.
func stripEXIFAndGPS(path string) (rawImage, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return rawImage{}, fmt.Errorf("imaging: %w", err)
	}
	defer f.Close()
	d, err := readHeader(f)
	if err != nil {
		return rawImage{}, err
	}
	if err := f.Truncate(headerBytes + d.bytes()); err != nil {
		return rawImage{}, fmt.Errorf("imaging: %w", err)
	}
	return d, nil
}

// stripWebPEXIF rewrites a file in WebP's simple form, which has nothing but the picture. webpsave of libvips 8.14 ignores its
// option to strip, and writes EXIF even where there was none.
func stripWebPEXIF(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("imaging: %w", err)
	}
	for at := riffHead; at+chunkHead <= len(content); {
		length := int(binary.LittleEndian.Uint32(content[at+4:]))
		end := at + chunkHead + length + length%2 // chunks are padded to even lengths
		if end > len(content) {
			break
		}
		if string(content[at:at+4]) == "VP8 " {
			return os.WriteFile(path, simpleWebP(content[at:end]), 0o600)
		}
		at = end
	}
	return errors.New("imaging: libvips wrote a WebP file without a lossy picture")
}

func simpleWebP(picture []byte) []byte {
	file := append([]byte("RIFF----WEBP"), picture...)
	binary.LittleEndian.PutUint32(file[4:], uint32(len(file)-8))
	return file
}
