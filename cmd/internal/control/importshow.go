package control

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"schedule-server/pkg/importer"
	"schedule-server/pkg/service"
)

// shown is how many jobs, lines and warnings of each kind are shown unless all are asked for.
const shown = 20

// showImport writes for people what an import did, or would do.
func showImport(out io.Writer, name string, done *service.Imported, verbose bool) error {
	l := &lister{verbose: verbose}
	if done.DryRun {
		fmt.Fprintf(l, "Dry run of %s (%s): nothing was written.\n", name, done.Format.Words())
	} else {
		fmt.Fprintf(l, "Imported %s (%s).\n", name, done.Format.Words())
	}
	l.jobs("Deleted", service.ImportDeleted, len(done.Deleted), done.Jobs)
	l.jobs("Updated", service.ImportUpdated, len(done.Updated), done.Jobs)
	l.jobs("Created", service.ImportCreated, len(done.Created), done.Jobs)
	if verbose {
		l.jobs("Unchanged", service.ImportUnchanged, len(done.Unchanged), done.Jobs)
	}
	l.head("Skipped", len(done.Skipped))
	for i, s := range done.Skipped {
		if l.enough(i, len(done.Skipped)) {
			break
		}
		fmt.Fprintf(l, "  ! %s %d: %s\n      %s\n", entryWord(done.Format), s.Line, plain(s.Reason), plain(s.Text))
	}
	l.head("Not carried over", len(done.Warnings))
	for i, w := range done.Warnings {
		if l.enough(i, len(done.Warnings)) {
			break
		}
		fmt.Fprintf(l, "  * %s: %s\n", plain(w.ID), plain(w.Message))
	}
	fmt.Fprintf(l, "\n%d created, %d updated, %d unchanged, %d deleted, %d skipped.", len(done.Created), len(done.Updated), len(done.Unchanged), len(done.Deleted), len(done.Skipped))
	if done.DryRun {
		l.WriteString(" Nothing was written.")
	}
	l.WriteString("\n")
	_, err := io.WriteString(out, l.String())
	return err
}

// entryWord is what one entry of a file is called that may be skipped.
func entryWord(format importer.Format) string {
	if format == importer.FormatSQLite {
		return "row"
	}
	return "line"
}

// lister writes lists that are cut where they are long.
type lister struct {
	strings.Builder
	verbose bool
}

func (l *lister) head(title string, n int) {
	if n > 0 {
		fmt.Fprintf(l, "\n%s (%d)\n", title, n)
	}
}

// enough ends a list of n entries in front of entry i, and says how many more there are.
func (l *lister) enough(i, n int) bool {
	if l.verbose || i < shown {
		return false
	}
	fmt.Fprintf(l, "  … and %d more; --verbose shows all\n", n-i)
	return true
}

// jobs lists those of n jobs that an import does the same to.
func (l *lister) jobs(title string, action service.ImportAction, n int, all []service.ImportedJob) {
	l.head(title, n)
	i := 0
	for at := range all {
		if all[at].Action != action {
			continue
		}
		if l.enough(i, n) {
			return
		}
		l.job(&all[at])
		i++
	}
	if i < n { // the rest is not described
		l.enough(max(i, shown), n)
	}
}

var signs = map[service.ImportAction]string{service.ImportDeleted: "-", service.ImportUpdated: "~", service.ImportCreated: "+", service.ImportUnchanged: "="}

func (l *lister) job(j *service.ImportedJob) {
	fmt.Fprintf(l, "  %s %s", signs[j.Action], plain(j.ID))
	if j.Name != "" && j.Name != j.ID {
		fmt.Fprintf(l, "  %s", plain(j.Name))
	}
	fmt.Fprintf(l, "\n      %s %s\n", plain(j.Method), plain(j.URL))
	words := j.Words.EN
	if !strings.Contains(words, j.TimeZone) {
		words += ", " + j.TimeZone
	}
	fmt.Fprintf(l, "      %s", plain(words))
	if j.Status != "active" {
		fmt.Fprintf(l, " (%s)", j.Status)
	}
	l.WriteString("\n")
	if len(j.Next) > 0 {
		moments := make([]string, len(j.Next))
		for i := range j.Next {
			moments[i] = localMoment(j.Next[i].Local)
		}
		fmt.Fprintf(l, "      next: %s\n", strings.Join(moments, ", "))
	}
	for _, change := range j.Diff {
		if change.Before == nil && change.After == nil {
			fmt.Fprintf(l, "      %s changed\n", plain(change.Field))
			continue
		}
		fmt.Fprintf(l, "      %s: %s → %s\n", plain(change.Field), brief(string(change.Before)), brief(string(change.After)))
	}
}

// localMoment writes a moment of RFC 3339 as people read it, with its offset.
func localMoment(local string) string {
	at, err := time.Parse(time.RFC3339Nano, local)
	if err != nil {
		return plain(local)
	}
	return at.Format("2006-01-02 15:04:05 -07:00")
}

// brief is a value cut to a line.
func brief(value string) string {
	const most = 80
	if runes := []rune(plain(value)); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return plain(value)
}

// plain takes away what would steer a terminal.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

// count is a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
