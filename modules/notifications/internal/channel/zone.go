package channel

import (
	_ "embed"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // devices name their time zone; the server may have none installed
)

// zoneNames are the names of the IANA database, one a line. What else a server has beside its zones ("posixrules", "right/UTC") and
// what Go understands itself ("Local") is no zone of anybody's.
//
//go:embed zones.txt
var zoneNames string

// zones are the names by their lower case.
var zones = sync.OnceValue(func() map[string]string {
	byFold := map[string]string{}
	for name := range strings.Lines(zoneNames) {
		name = strings.TrimSpace(name)
		byFold[strings.ToLower(name)] = name
	}
	return byFold
})

// offset is how Java, Swift and browsers write a zone that has only a difference from UTC.
var offset = regexp.MustCompile(`^(?:GMT|UTC|Z)?([+-])(\d{1,2})(?::?([0-5]\d))?$`)

// maxOffset is the largest difference from UTC that is in use, in minutes.
const maxOffset = 14 * 60

// parseZone returns the name under which a zone is kept, as the device may write it: an IANA name in any case, or GMT+09:00. It
// reports false for what is no zone.
func parseZone(typed string) (name string, ok bool) {
	typed = strings.TrimSpace(typed)
	if name, ok = zones()[strings.ToLower(typed)]; ok {
		return name, true
	}
	found := offset.FindStringSubmatch(strings.ToUpper(typed))
	if found == nil {
		return "", false
	}
	hours, _ := strconv.Atoi(found[2]) // digits both
	minutes, _ := strconv.Atoi(found[3])
	switch total := hours*60 + minutes; {
	case total > maxOffset:
		return "", false
	case total == 0:
		return "UTC", true
	case minutes == 0 && (found[1] == "+" || hours <= 12): // the database counts the other way, and as far as there are places
		return fmt.Sprintf("Etc/GMT%s%d", map[string]string{"+": "-", "-": "+"}[found[1]], hours), true
	}
	return fmt.Sprintf("GMT%s%02d:%02d", found[1], hours, minutes), true
}

// LoadZone returns the zone that is kept under a name; what is none, as an older build may have kept it, is UTC.
func LoadZone(kept string) *time.Location {
	name, ok := parseZone(kept)
	if !ok {
		return time.UTC
	}
	if zone, err := time.LoadLocation(name); err == nil {
		return zone
	}
	found := offset.FindStringSubmatch(name)
	if found == nil {
		return time.UTC
	}
	hours, _ := strconv.Atoi(found[2])
	minutes, _ := strconv.Atoi(found[3])
	seconds := (hours*60 + minutes) * 60
	if found[1] == "-" {
		seconds = -seconds
	}
	return time.FixedZone(name, seconds)
}
