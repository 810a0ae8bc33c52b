package service

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// tables are what the benchmarks of this run have measured.
var tables report

// report gathers rows of tables, one table for each title.
type report struct {
	mu     sync.Mutex
	titles []string
	tables map[string]*table
}

type table struct {
	columns []string
	// ratio is the column by which the rows are compared with the first one that has it. Empty: none is.
	ratio string
	rows  []*row
}

// row is one subject of a table.
type row struct {
	subject string
	values  map[string]float64
}

// cell is one measured value with its unit, such as {"p99-ms", 12}.
type cell struct {
	column string
	value  float64
}

// note puts a row into a table and into the output of the benchmark, for benchstat.
// Where the subject has a row already, the one with the smaller ratio column stays.
func (r *report) note(b *testing.B, title, ratio, subject string, cells ...cell) {
	b.Helper()
	b.ReportMetric(0, "ns/op")
	next := &row{subject: subject, values: map[string]float64{}}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tables == nil {
		r.tables = map[string]*table{}
	}
	t := r.tables[title]
	if t == nil {
		t = &table{ratio: ratio}
		r.tables[title] = t
		r.titles = append(r.titles, title)
	}
	for _, c := range cells {
		b.ReportMetric(c.value, c.column)
		next.values[c.column] = c.value
		if !slices.Contains(t.columns, c.column) {
			t.columns = append(t.columns, c.column)
		}
	}
	for i, known := range t.rows {
		if known.subject == subject {
			if ratio != "" && next.values[ratio] < known.values[ratio] {
				t.rows[i] = next
			}
			return
		}
	}
	t.rows = append(t.rows, next)
}

func (r *report) print(w io.Writer) {
	for _, title := range r.titles {
		r.tables[title].print(w, title)
	}
}

func (t *table) print(w io.Writer, title string) {
	header := slices.Clone(t.columns)
	if t.ratio != "" {
		header = append(header, "times "+t.ratio)
	}
	fmt.Fprintf(w, "\n| %s | %s |\n|---|%s\n", title, strings.Join(header, " | "), strings.Repeat("---|", len(header)))
	base := 0.0
	for _, r := range t.rows {
		fmt.Fprintf(w, "| %s |", r.subject)
		for _, column := range t.columns {
			if value, ok := r.values[column]; ok {
				fmt.Fprintf(w, " %s |", figure(value))
			} else {
				fmt.Fprint(w, " |")
			}
		}
		if value, ok := r.values[t.ratio]; ok && t.ratio != "" {
			if base == 0 {
				base = value
			}
			fmt.Fprintf(w, " %.2f |", value/base)
		}
		fmt.Fprintln(w)
	}
}

// figure writes a value with three digits that mean something.
func figure(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v >= 100 || v <= -100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// percentiles of durations in milliseconds, under the names p50-ms, p99-ms and max-ms.
func percentiles(late []time.Duration) []cell {
	if len(late) == 0 {
		return nil
	}
	slices.Sort(late)
	at := func(share float64) float64 {
		return millis(late[min(len(late)-1, int(share*float64(len(late))))])
	}
	return []cell{{"p50-ms", at(.5)}, {"p99-ms", at(.99)}, {"max-ms", millis(late[len(late)-1])}}
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
