package darkroom

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

// bareWebP rewrites a file in WebP's simple form, which has nothing but the picture. webpsave of libvips 8.14 ignores its
// option to strip, and writes EXIF even where there was none.
func bareWebP(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("darkroom: %w", err)
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
	return errors.New("darkroom: libvips wrote a WebP file without a lossy picture")
}

func simpleWebP(picture []byte) []byte {
	file := append([]byte("RIFF----WEBP"), picture...)
	binary.LittleEndian.PutUint32(file[4:], uint32(len(file)-8))
	return file
}
