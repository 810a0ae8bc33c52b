package trigger

import (
	"testing"
	"time"
)

// oddZones have half-hour shifts, gaps at midnight, lost and doubled days, seconds in their offsets, a summer time
// that is the standard time, and rules that changed often.
var oddZones = []string{
	"Australia/Lord_Howe", "America/Sao_Paulo", "America/Santiago", "Pacific/Apia", "Asia/Kathmandu", "Europe/Dublin",
	"America/New_York", "Europe/Berlin", "Africa/Casablanca", "Pacific/Kwajalein", "Asia/Manila", "America/Juneau",
	"Antarctica/Troll", "Africa/Monrovia", "Asia/Shanghai", "Pacific/Kiritimati", "Asia/Gaza", "UTC",
}

func mustZone(t testing.TB, name string) *zone {
	t.Helper()
	var c zones
	z, err := c.get(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// The table must say what package time says, at every step of 5 days 7 hours and around every change.
func TestZoneTable(t *testing.T) {
	for _, name := range oddZones {
		z := mustZone(t, name)
		check := func(at int64) {
			p := z.at(at)
			_, offset := time.Unix(at, 0).In(z.loc).Zone()
			if int64(offset) != p.offset || at < p.start || at >= p.end {
				t.Fatalf("%s at %d (%v): got %+v, want offset %d", name, at, time.Unix(at, 0).UTC(), p, offset)
			}
			if p.start > -1<<62 {
				if before := z.at(p.start - 1); before.offset != p.before || before.end != p.start {
					t.Fatalf("%s before %d: got %+v then %+v", name, at, before, p)
				}
			}
		}
		for year := 1850; year < 9900; year += 1 {
			if year > 2110 && year < 2480 || year > 2560 && year%97 != 0 {
				continue
			}
			for at := daysOf(year, 1, 1) * daySeconds; at < daysOf(year+1, 1, 1)*daySeconds; at += 127 * 3600 {
				check(at)
				p := z.at(at)
				check(max(p.start, -1<<36))
				check(min(p.end, 1<<37) - 1)
				check(min(p.end, 1<<37))
			}
		}
	}
}

// What next relies on: a change of offset is shorter than the period it opens and than the settled stretch.
func TestZoneChangesAreApart(t *testing.T) {
	for _, name := range oddZones {
		z := mustZone(t, name)
		for i := 1; i < len(z.periods)-1; i++ {
			change := z.periods[i].offset - z.periods[i-1].offset
			if length := z.periods[i+1].start - z.periods[i].start; max(change, -change) > length || max(change, -change) > daySeconds {
				t.Errorf("%s: a change of %d s opens a period of %d s", name, change, length)
			}
		}
	}
}
