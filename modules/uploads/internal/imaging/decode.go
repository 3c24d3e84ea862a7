package imaging

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"strconv"
)

// decode makes of what a user sent the picture that all variants come from: upright, sRGB, 8 bit, at most 2048 pixels, opaque.
func (p *Processor) decode(ctx context.Context, source Source, folder string) (rawImage, error) {
	path, err := p.shrink(ctx, source, folder)
	if err != nil {
		return rawImage{}, err
	}
	if path, err = p.toSRGB(ctx, source, path, folder); err != nil {
		return rawImage{}, err
	}
	base, err := stripEXIFAndGPS(path)
	if err != nil {
		return rawImage{}, err
	}
	if base.hasAlpha() {
		if base.path, err = p.step(ctx, folder, "flat.v", "flatten", base.path, "--background", "255"); err != nil {
			return rawImage{}, err
		}
	}
	return p.turn(ctx, source.Orientation, base, folder)
}

// shrink is the only step that reads what a user sent. The picture keeps the values that it has in its own colours.
func (p *Processor) shrink(ctx context.Context, source Source, folder string) (path string, err error) {
	out, edge := filepath.Join(folder, "base.v"), strconv.Itoa(largest)
	if source.keepsValues() {
		return out, p.run(ctx, folder, source.input(), "vips", "thumbnail", source.Path, out, edge, "--height", edge, "--size", "down",
			"--fail-on", source.failOn())
	}
	width, height, err := p.uprightSize(ctx, source, folder)
	if err != nil {
		return "", err
	}
	scale := min(1, largest/float64(max(width, height)))
	stored := source.Path + "[access=sequential,fail-on=" + source.failOn() + "]"
	if err := p.run(ctx, folder, source.input(), "vips", "resize", stored, out, strconv.FormatFloat(scale, 'f', -1, 64)); err != nil {
		return "", err
	}
	return p.step(ctx, folder, "upright.v", "autorot", out)
}

// keepsValues reports whether the quickest way to a smaller picture leaves its values alone: it makes bytes of deeper channels, which is
// too coarse for a profile with a curve of its own, and converts inks by what it thinks they are. It alone knows how to resize what is
// partly transparent, though.
func (s Source) keepsValues() bool {
	return !s.Inks && (!s.Deep || s.Alpha)
}

func (s Source) failOn() string {
	if s.Strict {
		return "warning"
	}
	return "error"
}

// toSRGB converts by the picture's own profile, relatively and with its black as black. A profile that nobody can follow counts as none.
func (p *Processor) toSRGB(ctx context.Context, source Source, path, folder string) (string, error) {
	profiles := []string{source.Profile}
	if source.Inks {
		profiles = append(profiles, "cmyk") // what libvips knows of inks
	}
	for _, profile := range profiles {
		if profile == "" {
			continue
		}
		out, err := p.step(ctx, folder, "srgb.v", "icc_transform", path, "srgb", "--input-profile", profile, "--intent", "relative",
			"--black-point-compensation")
		var exit *exec.ExitError
		if err == nil || ctx.Err() != nil || !errors.As(err, &exit) {
			return out, err
		}
	}
	if !source.Inks && !source.keepsValues() {
		return p.step(ctx, folder, "srgb.v", "colourspace", path, "srgb")
	}
	return path, nil
}

// turns are libvips' steps to upright, by EXIF's orientation.
var turns = map[int][][]string{
	2: {{"flip", "horizontal"}}, 3: {{"rot", "d180"}}, 4: {{"flip", "vertical"}}, 5: {{"rot", "d90"}, {"flip", "horizontal"}},
	6: {{"rot", "d90"}}, 7: {{"rot", "d270"}, {"flip", "horizontal"}}, 8: {{"rot", "d270"}},
}

// turn makes a picture upright whose decoder did not.
func (p *Processor) turn(ctx context.Context, orientation int, base rawImage, folder string) (_ rawImage, err error) {
	for i, way := range turns[orientation] {
		if base.path, err = p.step(ctx, folder, "turned"+strconv.Itoa(i)+".v", way[0], base.path, way[1]); err != nil {
			return rawImage{}, err
		}
	}
	if orientation >= firstOnItsSide {
		base.width, base.height = base.height, base.width
	}
	return base, nil
}

// step runs an operation of libvips on what a step before has written, and returns where its result is.
func (p *Processor) step(ctx context.Context, folder, name, operation, in string, arguments ...string) (out string, err error) {
	out = filepath.Join(folder, name)
	return out, p.run(ctx, folder, trusted, "vips", append([]string{operation, in, out}, arguments...)...)
}
