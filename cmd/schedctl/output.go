package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/rivo/uniseg"
	"github.com/schollz/progressbar/v3"

	"schedule-server/pkg/importer"
	"schedule-server/pkg/job"
)

// show writes a value as JSON or YAML, or as people write it.
func (s *session) show(value any, people func()) error {
	switch s.cli.Output {
	case "json":
		encoder := json.NewEncoder(s.out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(value)
	case "yaml":
		data, err := toYAML(value)
		if err == nil {
			_, err = s.out.Write(data)
		}
		return err
	}
	people()
	return nil
}

// toYAML writes a value as a YAML document, in the order of its members.
func toYAML(value any) ([]byte, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	entry, err := importer.ToYAML(data) // "- a: 1\n  b: 2\n"
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for line := range strings.Lines(string(entry)) {
		out.WriteString(strings.TrimPrefix(strings.TrimPrefix(line, "- "), "  "))
	}
	return out.Bytes(), nil
}

// table writes rows in columns. A heading that begins with "+" is one of wide.
func (s *session) table(headings []string, rows [][]string) {
	var columns []int
	for i, heading := range headings {
		if !strings.HasPrefix(heading, "+") || s.cli.Output == "wide" {
			columns = append(columns, i)
		}
	}
	first := make([]string, len(headings))
	for i, heading := range headings {
		first[i] = strings.TrimPrefix(heading, "+")
	}
	all := append([][]string{first}, rows...)
	widths := make([]int, len(headings))
	for _, row := range all {
		for i := range row {
			row[i] = clean(row[i])
			widths[i] = max(widths[i], uniseg.StringWidth(row[i]))
		}
	}
	out := bufio.NewWriter(s.out)
	for _, row := range all {
		var line strings.Builder
		for _, i := range columns {
			line.WriteString(s.colored(row[i]))
			line.WriteString(strings.Repeat(" ", widths[i]-uniseg.StringWidth(row[i])+2))
		}
		fmt.Fprintln(out, strings.TrimRight(line.String(), " "))
	}
	_ = out.Flush() // a reader that is gone, as head, needs no word
}

// colored colors the word of a state if a person reads it at a terminal.
func (s *session) colored(word string) string {
	if !s.terminal || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return word
	}
	color := map[string]string{
		"succeeded": "32", "active": "32", "ok": "32", "failed": "31", "missed": "33", "skipped": "33", "canceled": "33", "paused": "33",
		"running": "36", "queued": "36", "retrying": "36", "waiting": "36",
	}[word]
	if color == "" {
		return word
	}
	return "\x1b[" + color + "m" + word + "\x1b[0m"
}

// clean makes a text harmless for a terminal: names and answers come from others.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && unicode.In(r, unicode.Cc, unicode.Cf) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ReplaceAll(text, "\t", "    "))
}

// local writes a moment as the clock here shows it.
func (s *session) local(at *job.Instant) string {
	if at == nil {
		return "-"
	}
	return at.Time().Local().Format("2006-01-02 15:04:05")
}

// moment writes a moment as short as it is clear: "03:00", "Sat 03:00", "Dec 5 03:00", "2027-01-05 03:00".
func moment(at, now time.Time) string {
	now = now.In(at.Location())
	clock := "15:04"
	if at.Second() != 0 {
		clock = "15:04:05"
	}
	days := int(at.Sub(now).Hours()) / 24
	switch {
	case days >= 0 && days < 6:
		return at.Format("Mon " + clock)
	case at.Year() == now.Year():
		return at.Format("Jan 2 " + clock)
	}
	return at.Format("2006-01-02 " + clock)
}

func took(ms *int64) string {
	if ms == nil {
		return "-"
	}
	return (time.Duration(*ms) * time.Millisecond).String()
}

func orDash[T any](value *T) string {
	if value == nil {
		return "-"
	}
	return fmt.Sprint(*value)
}

// working shows that something takes its time, to a person at a terminal, until done is called.
func (s *session) working(what string) (done func()) {
	if !s.progress {
		return func() {}
	}
	bar := progressbar.NewOptions(-1, progressbar.OptionSetDescription(what), progressbar.OptionSetWriter(s.err),
		progressbar.OptionClearOnFinish(), progressbar.OptionSpinnerType(14), progressbar.OptionSetElapsedTime(true))
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				_ = bar.Finish() // only a picture
				return
			case <-tick.C:
				_ = bar.Add(1) // only a picture
			}
		}
	}()
	return func() { close(stop); <-stopped }
}

// counting is a bar for many calls of known number. It is empty unless a person is at the terminal.
func (s *session) counting(what string, total int) *progressbar.ProgressBar {
	to := s.err
	if !s.progress || total < 2 {
		to = io.Discard
	}
	return progressbar.NewOptions(total, progressbar.OptionSetDescription(what), progressbar.OptionSetWriter(to), progressbar.OptionClearOnFinish(), progressbar.OptionShowCount())
}

// confirm asks before something that cannot be undone. Without a person to ask it needs yes.
func (s *session) confirm(yes bool, question string) error {
	if yes {
		return nil
	}
	if !s.asks {
		return usagef("%s Nobody can be asked here; pass --yes", question)
	}
	fmt.Fprintf(s.err, "%s [y/N] ", clean(question))
	answer, err := bufio.NewReader(io.LimitReader(s.in, 1024)).ReadString('\n')
	if word := strings.ToLower(strings.TrimSpace(answer)); err == nil && (word == "y" || word == "yes") {
		return nil
	}
	return &exit{exitFailed, "nothing was done"}
}
