package fleet

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// days is a number of days, and what Go reads behind it.
var days = regexp.MustCompile(`^([0-9]+)d(.*)$`)

// ParseDuration returns a duration as time.ParseDuration reads it, with days of 24
// hours before it: 3d, 1d12h.
func ParseDuration(text string) (time.Duration, error) {
	found := days.FindStringSubmatch(text)
	if found == nil {
		return time.ParseDuration(text)
	}
	n, err := strconv.Atoi(found[1])
	if err != nil || n > 36500 {
		return 0, fmt.Errorf("%q are too many days", text)
	}
	whole := time.Duration(n) * 24 * time.Hour
	if found[2] == "" {
		return whole, nil
	}
	rest, err := time.ParseDuration(found[2])
	if err != nil || rest < 0 {
		return 0, fmt.Errorf("%q is not a duration", text)
	}
	return whole + rest, nil
}

// Duration is a duration as a flag.
type Duration time.Duration

// Set reads what ParseDuration reads.
func (d *Duration) Set(text string) error {
	parsed, err := ParseDuration(text)
	*d = Duration(parsed)
	return err
}

// String returns the duration: in days where it is some whole days.
func (d *Duration) String() string {
	const day = 24 * time.Hour
	whole := time.Duration(*d)
	if whole > 0 && whole%day == 0 {
		return fmt.Sprintf("%dd", whole/day)
	}
	return whole.String()
}

// Type names the flag's type in help texts.
func (d *Duration) Type() string { return "duration" }
