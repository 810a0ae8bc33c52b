package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"schedule-server/pkg/client"
	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// showLine is show for one of many: its JSON is one line, and its YAML one document.
func (s *session) showLine(value any, people func()) error {
	switch s.cli.Output {
	case "json":
		return json.NewEncoder(s.out).Encode(value)
	case "yaml":
		fmt.Fprintln(s.out, "---")
	}
	return s.show(value, people)
}

type previewCmd struct {
	Expression string `arg:"" optional:"" help:"Crontab expression, \"every 10s\", or a moment."`
	Zone       string `help:"Time zone of the schedule, such as Asia/Shanghai. Default: UTC." placeholder:"ZONE"`
	File       string `short:"f" help:"File with a job instead." placeholder:"FILE"`
	Count      int    `short:"n" help:"How many of the next moments to show, 1 to 1000." default:"5"`
	From       string `help:"Moment after which to begin, or so long from now. Default: now." placeholder:"WHEN"`
}

// Help shows how it is used.
func (previewCmd) Help() string {
	return "Example:\n\n\tschedctl preview '0 2 * * mon-fri' --zone Asia/Shanghai -n 3"
}

// Run shows the next moments.
func (p *previewCmd) Run(s *session) error {
	if p.Count < 1 || p.Count > 1000 {
		return usagef("-n: must be from 1 to 1000, is %d", p.Count)
	}
	spec, err := p.spec(s)
	if err != nil {
		return err
	}
	var from *time.Time
	if p.From != "" {
		at, err := s.when(p.From, 1)
		if err != nil {
			return usagef("--from: %v", err)
		}
		from = &at
	}
	c, err := s.connect()
	if err != nil {
		return err
	}
	shown, err := c.Preview(s.ctx, spec, p.Count, from)
	if err != nil {
		return err
	}
	if err := s.show(shown, func() { s.preview(&shown) }); err != nil {
		return err
	}
	if !shown.Valid {
		return &exit{exitFailed, ""}
	}
	return nil
}

func (p *previewCmd) spec(s *session) (spec trigger.Spec, err error) {
	if (p.Expression == "") == (p.File == "") {
		return spec, usagef("give either an expression or -f")
	}
	if p.File != "" {
		documents, err := s.load([]string{p.File})
		if err != nil {
			return spec, err
		}
		if len(documents) != 1 {
			return spec, usagef("%s holds %d jobs; preview takes one", p.File, len(documents))
		}
		var d struct{ Schedule trigger.Spec }
		if err := json.Unmarshal(documents[0].json, &d); err != nil {
			return spec, fmt.Errorf("%s: %w", documents[0].place, err)
		}
		return d.Schedule, nil
	}
	spec = trigger.Spec{Type: trigger.TypeCron, Expression: p.Expression, TimeZone: p.Zone}
	if every, ok := strings.CutPrefix(p.Expression, "every "); ok {
		d, err := trigger.ParseDuration(strings.TrimSpace(every))
		if err != nil {
			return spec, usagef("%v", err)
		}
		spec = trigger.Spec{Type: trigger.TypeInterval, Every: d, TimeZone: p.Zone}
	} else if at, err := trigger.ParseInstant(p.Expression); err == nil {
		spec = trigger.Spec{Type: trigger.TypeDate, At: &at, TimeZone: p.Zone}
	}
	return spec, nil
}

func (s *session) preview(p *client.Preview) {
	for _, fault := range p.Errors {
		fmt.Fprintf(s.err, "%s: %s\n", clean(fault.Field), clean(fault.Message))
	}
	if !p.Valid {
		return
	}
	fmt.Fprintln(s.out, clean(p.Description["en"]))
	for _, at := range p.Next {
		fmt.Fprintln(s.out, " ", strings.TrimSpace(at.Local+" "+at.Note))
	}
	for _, warning := range p.Warnings {
		fmt.Fprintf(s.err, "warning: %s\n", clean(warning.Message))
	}
}

type parseCmd struct {
	Text string `arg:"" optional:"" help:"A curl or wget command, or a crontab line. Default: the standard input."`
	Zone string `help:"Time zone of a crontab that names none. Default: UTC." placeholder:"ZONE"`
}

// Help shows how it is used.
func (parseCmd) Help() string {
	return "The jobs are written as a file that apply takes. Lines that cannot become jobs are named, and the exit code is 1.\n\nExample:\n\n\tcrontab -l | schedctl parse --zone Europe/Berlin > jobs.yaml"
}

// maxPaste bounds a text to parse, in bytes.
const maxPaste = 1 << 20

// Run parses the text.
func (p *parseCmd) Run(s *session) error {
	text := p.Text
	if text == "" {
		data, err := readAll(s.in, "the standard input", maxPaste)
		if err != nil {
			return err
		}
		text = string(data)
	}
	c, err := s.connect()
	if err != nil {
		return err
	}
	parsed, err := c.Parse(s.ctx, text, p.Zone)
	if err != nil {
		return err
	}
	jobs := []job.Definition{}
	for i := range parsed.Drafts {
		jobs = append(jobs, parsed.Drafts[i].Job)
		for _, warning := range parsed.Drafts[i].Warnings {
			fmt.Fprintf(s.err, "warning: line %d: %s\n", parsed.Drafts[i].Line, clean(warning))
		}
	}
	for _, skipped := range parsed.Skipped {
		fmt.Fprintf(s.err, "skipped: line %d: %s\n", skipped.Line, clean(skipped.Reason))
	}
	shown := map[string][]job.Definition{"jobs": jobs}
	var failed error
	err = s.show(shown, func() {
		text, err := toYAML(shown)
		if err == nil {
			_, err = s.out.Write(text)
		}
		failed = err
	})
	if err = errors.Join(err, failed); err == nil && len(parsed.Skipped) > 0 {
		return &exit{exitFailed, fmt.Sprintf("%d lines were skipped", len(parsed.Skipped))}
	}
	return err
}

type keysCmd struct {
	List   keysListCmd   `cmd:"" help:"List the API keys."`
	Create keysCreateCmd `cmd:"" help:"Create a key and print it, this once."`
	Delete keysDeleteCmd `cmd:"" help:"Delete keys."`
}

type keysListCmd struct{}

// Help shows how it is used.
func (keysListCmd) Help() string { return "Example:\n\n\tschedctl keys list" }

// Run lists the keys.
func (keysListCmd) Run(s *session) error {
	c, err := s.connect()
	if err != nil {
		return err
	}
	keys, err := c.Keys(s.ctx)
	if err != nil {
		return err
	}
	return s.show(map[string][]client.Key{"keys": keys}, func() {
		rows := make([][]string, len(keys))
		for i, key := range keys {
			if rows[i] = []string{key.ID, key.Name, key.Scope, s.local(key.LastUsedAt), s.local(key.ExpiresAt)}; s.cli.Output == "name" {
				fmt.Fprintln(s.out, key.ID)
			}
		}
		if s.cli.Output != "name" {
			s.table([]string{"ID", "NAME", "SCOPE", "LAST USED", "EXPIRES"}, rows)
		}
	})
}

type keysCreateCmd struct {
	Name    string `required:"" help:"What the key is for."`
	Scope   string `required:"" help:"What it may do: read, run, write or admin." enum:"read,run,write,admin"`
	Expires string `help:"When it ends: a time from now on, such as 90d, or a moment. Default: never." placeholder:"WHEN"`
}

// Help shows how it is used.
func (keysCreateCmd) Help() string {
	return "Example:\n\n\tschedctl keys create --name ci --scope write --expires 90d"
}

// Run creates the key.
func (k *keysCreateCmd) Run(s *session) error {
	var expires *job.Instant
	if k.Expires != "" {
		at, err := s.when(k.Expires, 1)
		if err != nil {
			return usagef("--expires: %v", err)
		}
		instant := job.Instant(at.UnixMilli())
		expires = &instant
	}
	c, err := s.connect()
	if err != nil {
		return err
	}
	key, err := c.CreateKey(s.ctx, k.Name, k.Scope, expires)
	if err != nil {
		return err
	}
	return s.show(key, func() {
		if s.cli.Output == "name" {
			fmt.Fprintln(s.out, key.ID)
			return
		}
		fmt.Fprintln(s.out, key.Text)
	})
}

type keysDeleteCmd struct {
	IDs []string `arg:"" name:"id" help:"Ids of keys, as list shows them."`
	Yes bool     `short:"y" help:"Do not ask."`
}

// Help shows how it is used.
func (keysDeleteCmd) Help() string { return "Example:\n\n\tschedctl keys delete 4kq7Zp1xWb --yes" }

// Run deletes the keys.
func (k *keysDeleteCmd) Run(s *session) error {
	c, err := s.connect()
	if err != nil {
		return err
	}
	if err := s.confirm(k.Yes, "Delete the keys "+strings.Join(k.IDs, ", ")+"?"); err != nil {
		return err
	}
	return s.each(k.IDs, "deleting", func(id string) error { return s.gone(id, c.DeleteKey(s.ctx, id)) })
}

// gone says that something was deleted, unless that failed.
func (s *session) gone(id string, err error) error {
	if err != nil {
		return err
	}
	return s.show(map[string]any{"id": id, "deleted": true}, func() { fmt.Fprintln(s.out, clean(id), "deleted") })
}

type secretsCmd struct {
	List   secretsListCmd   `cmd:"" help:"List the secrets, without their values."`
	Set    secretsSetCmd    `cmd:"" help:"Create a secret, or change its value."`
	Delete secretsDeleteCmd `cmd:"" help:"Delete secrets."`
}

type secretsListCmd struct{}

// Help shows how it is used.
func (secretsListCmd) Help() string { return "Example:\n\n\tschedctl secrets list" }

// Run lists the secrets.
func (secretsListCmd) Run(s *session) error {
	c, err := s.connect()
	if err != nil {
		return err
	}
	secrets, err := c.Secrets(s.ctx)
	if err != nil {
		return err
	}
	return s.show(map[string][]job.SecretInfo{"secrets": secrets}, func() {
		rows := make([][]string, len(secrets))
		for i := range secrets {
			hosts := "any"
			if len(secrets[i].Hosts) > 0 {
				hosts = fmt.Sprint(secrets[i].Hosts)
			}
			if rows[i] = []string{secrets[i].Name, hosts, s.local(&secrets[i].UpdatedAt)}; s.cli.Output == "name" {
				fmt.Fprintln(s.out, secrets[i].Name)
			}
		}
		if s.cli.Output != "name" {
			s.table([]string{"NAME", "HOSTS", "UPDATED"}, rows)
		}
	})
}

type secretsSetCmd struct {
	Name  string   `arg:"" help:"Name of the secret."`
	File  string   `short:"f" help:"File with the value. Default: the standard input, or a prompt at a terminal." placeholder:"FILE"`
	Hosts []string `help:"Hosts that it may be sent to. Repeatable or comma-separated. Default: as before; of a new one any." placeholder:"HOST"`
}

// Help shows how it is used.
func (secretsSetCmd) Help() string {
	return "One line break at the end of the value is dropped.\n\nExample:\n\n\tpass show crm | schedctl secrets set CRM_TOKEN --hosts crm.example.com"
}

// maxSecret bounds a secret, in bytes; the server has a bound of its own.
const maxSecret = 1 << 20

// Run sets the secret.
func (k *secretsSetCmd) Run(s *session) error {
	value, err := k.value(s)
	if err != nil {
		return err
	}
	c, err := s.connect()
	if err != nil {
		return err
	}
	info, err := c.PutSecret(s.ctx, k.Name, value, k.Hosts)
	if err != nil {
		return err
	}
	return s.show(info, func() { fmt.Fprintln(s.out, clean(info.Name), "set") })
}

func (k *secretsSetCmd) value(s *session) (string, error) {
	var data []byte
	var err error
	switch {
	case k.File != "":
		data, err = readFile(k.File, maxSecret)
	case s.asks:
		data, err = s.askSecret(fmt.Sprintf("Value of %s: ", clean(k.Name)))
	default:
		data, err = readAll(s.in, "the standard input", maxSecret)
	}
	if err != nil {
		return "", err
	}
	return string(bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r"))), nil
}

// askSecret asks for a text at the terminal, which does not show it. The terminal stops echoing before the question is
// shown, so an early answer is not seen either.
func (s *session) askSecret(question string) ([]byte, error) {
	fd := int(s.in.Fd())
	before, err := term.MakeRaw(fd)
	if err != nil {
		return nil, err
	}
	defer func() { _ = term.Restore(fd, before) }() // a terminal that is gone needs none
	text, err := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{s.in, s.err}, "").ReadPassword(question)
	if errors.Is(err, io.EOF) { // Ctrl-C and Ctrl-D, of which a raw terminal makes no signal
		return nil, errors.New("no value was given")
	}
	return []byte(text), err
}

type secretsDeleteCmd struct {
	Names []string `arg:"" name:"name" help:"Names of secrets."`
	Yes   bool     `short:"y" help:"Do not ask."`
}

// Help shows how it is used.
func (secretsDeleteCmd) Help() string { return "Example:\n\n\tschedctl secrets delete CRM_TOKEN --yes" }

// Run deletes the secrets.
func (k *secretsDeleteCmd) Run(s *session) error {
	c, err := s.connect()
	if err != nil {
		return err
	}
	if err := s.confirm(k.Yes, "Delete the secrets "+strings.Join(k.Names, ", ")+"?"); err != nil {
		return err
	}
	return s.each(k.Names, "deleting", func(name string) error { return s.gone(name, c.DeleteSecret(s.ctx, name)) })
}

type doctorCmd struct{}

// Help shows how it is used.
func (doctorCmd) Help() string {
	return "Each check says ok or what is wrong; the exit code is 1 if one is not ok.\n\nExample:\n\n\tschedctl doctor"
}

// finding is what one check of doctor says.
type finding struct {
	Check  string `json:"check"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

// maxSkew is how far the clocks here and there may be apart.
const maxSkew = 5 * time.Second

// Run checks everything that can be checked from here.
func (doctorCmd) Run(s *session) error {
	findings := s.diagnose()
	bad := slices.ContainsFunc(findings, func(f finding) bool { return !f.OK })
	err := s.show(map[string]any{"ok": !bad, "checks": findings}, func() {
		rows := make([][]string, len(findings))
		for i, f := range findings {
			word := "ok"
			if !f.OK {
				word = "failed"
			}
			rows[i] = []string{f.Check, word, f.Detail}
		}
		s.table([]string{"CHECK", "RESULT", "DETAIL"}, rows)
	})
	if err == nil && bad {
		return &exit{exitFailed, ""}
	}
	return err
}

func (s *session) diagnose() []finding {
	p, name, err := s.profile()
	if err != nil {
		return []finding{{"configuration", false, err.Error()}}
	}
	detail := "no profile"
	if name != "" {
		detail = "profile " + name + ", " + p.URL
	}
	findings := []finding{{"configuration", true, detail}}
	c, err := s.connectWith(10 * time.Second)
	if err != nil {
		return append(findings, finding{"server", false, err.Error()})
	}
	ready, header, err := c.Ready(s.ctx)
	if err != nil {
		return append(findings, finding{"server", false, errorText(err)})
	}
	findings = append(findings, finding{"server", true, s.url})
	for _, check := range []string{"database", "redis", "beat", "worker"} {
		findings = append(findings, finding{check, ready.Checks[check] == "ok", ready.Checks[check]})
	}
	findings = append(findings, s.checkClock(header))
	return append(findings, s.checkKey(c))
}

func (s *session) checkClock(header http.Header) finding {
	there, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return finding{"clock", true, "the server does not tell the time"}
	}
	skew := s.now().Sub(there).Round(time.Second)
	return finding{"clock", skew.Abs() <= maxSkew, fmt.Sprintf("%s apart from the server", skew.Abs())}
}

func (s *session) checkKey(c *client.Client) finding {
	scope, err := c.Scope(s.ctx)
	switch {
	case err != nil:
		return finding{"key", false, errorText(err)}
	case scope == "":
		return finding{"key", false, "the server does not let this key in"}
	}
	return finding{"key", true, "scope " + scope}
}

type completionCmd struct {
	Shell string `arg:"" help:"The shell: bash, zsh or fish." enum:"bash,zsh,fish"`
}

// Help shows how it is used.
func (completionCmd) Help() string {
	return "Example:\n\n\tsource <(schedctl completion bash)\n\tschedctl completion fish > ~/.config/fish/completions/schedctl.fish"
}

// Run prints the script.
func (k *completionCmd) Run(s *session) error {
	scripts := map[string]string{
		"bash": `_schedctl() {
  local IFS=$'\n'
  COMPREPLY=($(schedctl __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _schedctl schedctl
`,
		"zsh": `#compdef schedctl
_schedctl() {
  local -a found
  found=("${(@f)$(schedctl __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -a found
}
compdef _schedctl schedctl
`,
		"fish": `function __schedctl
  set -l words (commandline -opc) (commandline -ct)
  schedctl __complete $words[2..-1] 2>/dev/null
end
complete -c schedctl -f -a '(__schedctl)'
`,
	}
	_, err := fmt.Fprint(s.out, scripts[k.Shell])
	return err
}

type completeCmd struct {
	Words []string `arg:"" optional:""`
}

// completeWait is how long a completion may ask the server for ids.
const completeWait = time.Second

// maxCompletions is how many ids it offers.
const maxCompletions = 100

// Run prints what the last word can become, a line each.
func (k *completeCmd) Run(s *session) error {
	last := ""
	if len(k.Words) > 0 && k.Words[0] == "--" {
		k.Words = k.Words[1:]
	}
	node := s.model.Node
	if n := len(k.Words); n > 0 {
		last = k.Words[n-1]
		for _, word := range k.Words[:n-1] {
			if i := slices.IndexFunc(node.Children, func(child *kong.Node) bool { return child.Name == word }); i >= 0 {
				node = node.Children[i]
			}
		}
	}
	out := bufio.NewWriter(s.out)
	offer := func(word string) {
		if strings.HasPrefix(word, last) {
			fmt.Fprintln(out, word)
		}
	}
	if len(k.Words) > 1 {
		if words := s.valuesOf(node, k.Words[len(k.Words)-2]); words != nil {
			for _, word := range words {
				offer(word)
			}
			return out.Flush()
		}
	}
	if strings.HasPrefix(last, "-") {
		for _, group := range node.AllFlags(true) {
			for _, flag := range group {
				offer("--" + flag.Name)
			}
		}
		return out.Flush()
	}
	for _, child := range node.Children {
		if !child.Hidden {
			offer(child.Name)
		}
	}
	for _, argument := range node.Positional {
		switch {
		case argument.Name == "job":
			s.offerJobs(last, offer)
		case argument.Enum != "":
			for _, word := range strings.Split(argument.Enum, ",") {
				offer(word)
			}
		}
	}
	return out.Flush()
}

// valuesOf are the words that a flag takes; nil if it takes anything.
func (s *session) valuesOf(node *kong.Node, word string) []string {
	for _, group := range node.AllFlags(true) {
		for _, flag := range group {
			if (word == "--"+flag.Name || flag.Short != 0 && word == "-"+string(flag.Short)) && flag.Enum != "" {
				return slices.DeleteFunc(strings.Split(flag.Enum, ","), func(w string) bool { return w == "" })
			}
		}
	}
	return nil
}

// offerJobs offers ids of jobs, as far as the server answers soon.
func (s *session) offerJobs(begin string, offer func(string)) {
	c, err := s.connectWith(completeWait)
	if err != nil {
		return
	}
	n := 0
	for j, err := range c.Jobs(s.ctx, job.JobQuery{Text: begin, Limit: maxCompletions}) {
		if n++; err != nil || n > maxCompletions {
			return
		}
		offer(j.ID)
	}
}
