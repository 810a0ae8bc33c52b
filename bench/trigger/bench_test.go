// Package bench compares schedule-server/pkg/trigger with the Go cron libraries people know, in one run.
package bench

import (
	"testing"
	"time"

	"github.com/adhocore/gronx"
	netresearch "github.com/netresearch/go-cron"
	"github.com/robfig/cron/v3"

	"schedule-server/pkg/trigger"
)

// cases are what people write: from the densest to the rarest.
var cases = []struct{ name, expression string }{
	{"every_minute", "* * * * *"},
	{"weekdays_0930", "30 9 * * 1-5"},
	{"office_quarters", "*/15 9-17 * * 1-5"},
	{"monthly", "0 0 1 * *"},
	{"leap_day", "0 0 29 2 *"},
}

var zones = []string{"UTC", "America/New_York"}

var start = time.Date(2026, 11, 18, 7, 0, 30, 0, time.UTC)

func spec(expression, zone string) trigger.Spec {
	return trigger.Spec{Type: trigger.TypeCron, Expression: expression, TimeZone: zone}
}

func BenchmarkParse(b *testing.B) {
	for _, c := range cases {
		b.Run(c.name+"/trigger", func(b *testing.B) {
			var parser trigger.Parser
			b.ReportAllocs()
			for b.Loop() {
				if _, err := parser.Parse(spec(c.expression, "UTC"), "id"); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(c.name+"/robfig", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := cron.ParseStandard(c.expression); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(c.name+"/netresearch", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := netresearch.ParseStandard(c.expression); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(c.name+"/gronx", func(b *testing.B) { // it has no compiled form: this splits and checks
			g := gronx.New()
			b.ReportAllocs()
			for b.Loop() {
				if !g.IsValid(c.expression) {
					b.Fatal("invalid")
				}
			}
		})
	}
}

// next is one library's way from a moment to the occurrence after it.
type next func(time.Time) time.Time

func libraries(b *testing.B, expression, zone string) map[string]next {
	b.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		b.Fatal(err)
	}
	r, err := cron.ParseStandard(expression)
	if err != nil {
		b.Fatal(err)
	}
	n, err := netresearch.ParseStandard(expression)
	if err != nil {
		b.Fatal(err)
	}
	return map[string]next{
		"robfig":      func(t time.Time) time.Time { return r.Next(t.In(loc)) },
		"netresearch": func(t time.Time) time.Time { return n.Next(t.In(loc)) },
		"gronx": func(t time.Time) time.Time {
			found, err := gronx.NextTickAfter(expression, t.In(loc), false)
			if err != nil {
				b.Fatal(err)
			}
			return found
		},
	}
}

var order = []string{"robfig", "netresearch", "gronx"}

func BenchmarkNext(b *testing.B) {
	for _, zone := range zones {
		for _, c := range cases {
			b.Run(c.name+"/"+zone+"/trigger", func(b *testing.B) {
				s, err := trigger.Parse(spec(c.expression, zone), "id")
				if err != nil {
					b.Fatal(err)
				}
				from := trigger.InstantOf(start)
				b.ReportAllocs()
				for b.Loop() {
					if _, ok := s.Next(from); !ok {
						b.Fatal("never")
					}
				}
			})
			all := libraries(b, c.expression, zone)
			for _, name := range order {
				b.Run(c.name+"/"+zone+"/"+name, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						if all[name](start).IsZero() {
							b.Fatal("never")
						}
					}
				})
			}
		}
	}
}

func BenchmarkNext1000(b *testing.B) {
	for _, zone := range zones {
		for _, c := range cases[:4] {
			b.Run(c.name+"/"+zone+"/trigger", func(b *testing.B) {
				s, err := trigger.Parse(spec(c.expression, zone), "id")
				if err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				for b.Loop() {
					at := trigger.InstantOf(start)
					for range 1000 {
						at, _ = s.Next(at)
					}
				}
			})
			all := libraries(b, c.expression, zone)
			for _, name := range order {
				b.Run(c.name+"/"+zone+"/"+name, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						at := start
						for range 1000 {
							at = all[name](at)
						}
					}
				})
			}
		}
	}
}

// BenchmarkNever: what a library does with a date that does not exist.
func BenchmarkNever(b *testing.B) {
	const expression = "0 0 31 2 *"
	b.Run("trigger", func(b *testing.B) {
		s, err := trigger.Parse(spec(expression, "America/New_York"), "id")
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			s.Next(trigger.InstantOf(start))
		}
	})
	b.Run("robfig", func(b *testing.B) {
		s, err := cron.ParseStandard(expression)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			s.Next(start)
		}
	})
}

// BenchmarkZone is what the first use of a zone costs a Parser.
func BenchmarkZone(b *testing.B) {
	for b.Loop() {
		if _, err := trigger.Parse(spec("0 9 * * *", "America/New_York"), "id"); err != nil {
			b.Fatal(err)
		}
	}
}
