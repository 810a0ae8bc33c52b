package control

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"schedule-server/pkg/importer"
	"schedule-server/pkg/service"
)

// confirm has somebody agree to what an import would delete, and notes that in the options.
// It shows the jobs first. Where nobody can be asked, flags must have said so.
func (i *Import) confirm(ctx context.Context, uses *service.Service, batch *importer.Batch, o *service.ImportOptions, c console) error {
	dry := *o
	dry.DryRun = true
	plan, err := uses.Import(ctx, batch, dry)
	if err != nil {
		return err
	}
	n := len(plan.Deleted)
	if plan.Refused != nil && plan.Refused.Field == "prune" {
		return nil // a line fell out that only the service could judge: the import itself says so
	}
	if n == 0 || i.Yes && n <= i.MaxDeletes {
		return nil
	}
	l := &lister{verbose: i.Verbose}
	l.jobs("Jobs that would be deleted", service.ImportDeleted, n, plan.Jobs)
	if _, err := io.WriteString(c.err, l.String()); err != nil {
		return err
	}
	switch {
	case n > i.MaxDeletes && (c.in == nil || i.Yes):
		return fmt.Errorf("nothing was imported: --prune would delete %s, more than --max-deletes (%d); if that is right, give --yes --max-deletes %d", count(n, "job"), i.MaxDeletes, n)
	case c.in == nil:
		return fmt.Errorf("nothing was imported: --prune would delete %s, and there is no terminal to ask on; if that is right, give --yes", count(n, "job"))
	}
	question, wanted := fmt.Sprintf("Delete %s? [y/N] ", count(n, "job")), []string{"y", "yes"}
	if n > i.MaxDeletes {
		question, wanted = fmt.Sprintf("That is more than --max-deletes (%d). To delete %s, type their number: ", i.MaxDeletes, count(n, "job")), []string{strconv.Itoa(n)}
	}
	answer, err := ask(ctx, c, question)
	if err != nil {
		return err
	}
	for _, yes := range wanted {
		if strings.EqualFold(answer, yes) {
			o.MaxDeletes = n
			o.Confirmed = make(map[string]bool, n)
			for _, id := range plan.Deleted {
				o.Confirmed[id] = true
			}
			return nil
		}
	}
	return errors.New("nothing was imported: it was not confirmed")
}

// ask shows a question and waits for a line.
func ask(ctx context.Context, c console, question string) (string, error) {
	if _, err := io.WriteString(c.err, question); err != nil {
		return "", err
	}
	type reply struct {
		text string
		err  error
	}
	got := make(chan reply, 1)
	go func() { // a read from a terminal cannot be broken off
		text, err := bufio.NewReader(c.in).ReadString('\n')
		got <- reply{strings.TrimSpace(text), err}
	}()
	select {
	case <-ctx.Done():
		return "", errors.New("nothing was imported: interrupted")
	case r := <-got:
		if r.err != nil && !errors.Is(r.err, io.EOF) {
			return "", r.err
		}
		return r.text, nil
	}
}
