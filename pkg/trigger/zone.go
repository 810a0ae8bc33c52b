package trigger

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
)

// zone is a time zone as a table of its offsets. time.Location answers the same questions, but evaluates the rule
// text of the zone on each look-up beyond its last listed transition, and shows neither the next change nor the
// offset before the last one without a second look-up.
type zone struct {
	loc     *time.Location
	periods []period
	cyclic  bool // the rules go on for ever: beyond cycleTo the table repeats every 400 years
}

// period is a stretch with one offset, which lasts to the start of the next.
type period struct {
	start  int64 // Unix seconds; math.MinInt64 for the first
	offset int64 // seconds east of UTC
}

// span is the period an instant lies in, with its surroundings.
type span struct {
	start, end int64 // Unix seconds, start <= t < end
	offset     int64
	before     int64 // the offset before start; equal to offset in the first period
}

// From cycleFrom on every zone follows a yearly rule (the longest listed one, Africa/Casablanca, ends in 2087), so
// what happens after cycleTo is what happened 400 years before.
const (
	copyYear  = 2128 // the last year asked for; it and the 27 before hold every kind of year
	cycleYear = 2501 // the last year in a table: one beyond cycleTo, so that the last period before it has an end
)

var (
	copyFrom  = daysOf(copyYear+1, 1, 1) * daySeconds
	cycleFrom = daysOf(2100, 1, 1) * daySeconds
	cycleTo   = daysOf(2500, 1, 1) * daySeconds
)

// newZone reads every change of offset out of loc.
func newZone(loc *time.Location) *zone {
	z := &zone{loc: loc}
	t := time.Unix(daysOf(minYear, 1, 1)*daySeconds, 0).In(loc)
	_, offset := t.Zone()
	z.periods = append(z.periods, period{math.MinInt64, int64(offset)})
	for {
		_, end := t.ZoneBounds()
		if end.IsZero() {
			break
		}
		if !end.After(t) { // package time ends a leap year a day early, and does not get past that day by itself
			end = t.Add(day)
		}
		_, offset := end.Zone()
		if last := z.periods[len(z.periods)-1]; int64(offset) != last.offset { // a mere change of name is none
			z.periods = append(z.periods, period{end.Unix(), int64(offset)})
		}
		t = end
		if t.Unix() >= copyFrom {
			z.copyYears()
			break
		}
	}
	return z
}

// copyYears goes on to a little beyond cycleTo by copying, to each year, one that begins on the same weekday and is
// as long: to ask package time for each would take milliseconds.
func (z *zone) copyYears() {
	var byKind [14][]period
	for i := len(z.periods) - 1; i > 0 && z.periods[i].start >= copyFrom-28*366*daySeconds; i-- {
		p := z.periods[i]
		year, _, _ := dateOf(floorDiv(p.start, daySeconds))
		if year <= copyYear-28 || year > copyYear {
			continue
		}
		kind := yearKind(year)
		p.start -= daysOf(year, 1, 1) * daySeconds
		if !slices.Contains(byKind[kind], p) {
			byKind[kind] = append(byKind[kind], p)
		}
	}
	for len(z.periods) > 1 && z.periods[len(z.periods)-1].start >= copyFrom {
		z.periods = z.periods[:len(z.periods)-1]
	}
	for year := copyYear + 1; year <= cycleYear; year++ {
		base := daysOf(year, 1, 1) * daySeconds
		changes := byKind[yearKind(year)]
		for i := len(changes) - 1; i >= 0; i-- { // they were gathered from the last on
			z.periods = append(z.periods, period{base + changes[i].start, changes[i].offset})
		}
	}
	z.cyclic = z.periods[len(z.periods)-1].start >= cycleTo
	z.periods = slices.Clip(z.periods)
}

// at returns the period t lies in.
func (z *zone) at(t int64) span {
	if len(z.periods) == 1 {
		offset := z.periods[0].offset
		return span{math.MinInt64, math.MaxInt64, offset, offset}
	}
	shift := int64(0)
	if z.cyclic && t >= cycleTo {
		shift = (t - cycleFrom) / cycleSeconds * cycleSeconds
		t -= shift
	}
	low, high := 0, len(z.periods) // periods[low].start <= t < periods[high].start
	for high-low > 1 {
		if mid := int(uint(low+high) >> 1); z.periods[mid].start <= t {
			low = mid
		} else {
			high = mid
		}
	}
	s := span{z.periods[low].start, math.MaxInt64, z.periods[low].offset, z.periods[low].offset}
	if low > 0 {
		s.start += shift
		s.before = z.periods[low-1].offset
	}
	if high < len(z.periods) {
		s.end = z.periods[high].start + shift
	}
	return s
}

// zones keeps the zones a Parser has read. It cannot outgrow the time zone database.
type zones struct {
	mu     sync.Mutex
	byName map[string]*zone
}

var errZone = errors.New("unknown zone")

// get returns the zone of an IANA name; "" is UTC.
func (c *zones) get(name string) (*zone, error) {
	if name == "" || name == "UTC" {
		return utc, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if z := c.byName[name]; z != nil {
		return z, nil
	}
	loc, err := loadLocation(name)
	if err != nil {
		return nil, err
	}
	z := newZone(loc)
	if c.byName == nil {
		c.byName = make(map[string]*zone)
	}
	c.byName[name] = z
	return z, nil
}

// utc is immutable.
var utc = newZone(time.UTC)

// loadLocation refuses the names that mean something else on each machine, or that count leap seconds.
func loadLocation(name string) (*time.Location, error) {
	const hint = "write an IANA name such as Asia/Shanghai"
	switch {
	case len(name) > 64:
		return nil, fmt.Errorf("%s is no time zone; %s: %w", quote(name), hint, errZone)
	case name == "Local" || name == "localtime" || name == "posixrules" || strings.HasPrefix(name, "right/") ||
		strings.HasPrefix(name, "posix/"):
		return nil, fmt.Errorf("%s depends on the machine; %s: %w", quote(name), hint, errZone)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		if right := zoneHint(name); right != "" {
			return nil, fmt.Errorf("%s is not in the time zone database%s: %w", quote(name), right, errZone)
		}
		short := ""
		if i := sort.SearchStrings(shortZones[:], strings.ToUpper(name)); i < len(shortZones) && shortZones[i] == strings.ToUpper(name) {
			short = " (short names are ambiguous)"
		}
		return nil, fmt.Errorf("%s is not in the time zone database; %s%s: %w", quote(name)+named(name), hint, short, errZone)
	}
	return loc, nil
}

var shortZones = [...]string{"AEST", "AKST", "BST", "CEST", "CST", "EDT", "IST", "JST", "KST", "MDT", "PDT", "PST", "SGT"}
