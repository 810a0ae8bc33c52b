package e2e

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestImportCommand imports with both programs that have the command, and goes by what they end with.
func TestImportCommand(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	crontab := write("my.crontab", "0 2 * * * curl https://m.example/x\n15 3 * * * /opt/x.sh\n")
	sealed := write("sealed.json", `{"jobs":[{"id":"s","schedule":{"type":"interval","every":"1h"},"request":{"url":"https://m.example/","auth":{"type":"bearer","token":"t"}}}]}`)
	for _, program := range []string{"standalone", "api"} {
		data := filepath.Join(folder, program)
		run := func(stdin string, args ...string) (code int, out string) {
			t.Helper()
			cmd := exec.CommandContext(t.Context(), programs.Path(program), append(args, "--data-dir", data)...)
			cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
			cmd.Stdin = strings.NewReader(stdin)
			var both bytes.Buffer
			cmd.Stdout, cmd.Stderr = &both, &both
			err := cmd.Run()
			var ended *exec.ExitError
			if err != nil && !errors.As(err, &ended) {
				t.Fatal(err)
			}
			return cmd.ProcessState.ExitCode(), both.String()
		}
		for _, c := range []struct {
			code  int
			says  string
			stdin string
			args  []string
		}{
			{1, "not recognised", "", []string{"import", write("hostname", "web-1\n"), "--prune"}},
			{1, "it is empty", "", []string{"import", "-"}},
			{2, "--format", "", []string{"import", crontab, "--format", "csv"}},
			{2, "--max-deletes", "", []string{"import", crontab, "--max-deletes", "-1"}},
			{3, "Nothing was written.", "", []string{"import", crontab, "--dry-run"}},
			{0, "1 created", "# jobs\njobs: [{id: a, schedule: {type: interval, every: 1h}, request: {url: 'https://m.example/'}}]\n", []string{"import", "-", "--dry-run"}},
		} {
			code, out := run(c.stdin, c.args...)
			if code != c.code || !strings.Contains(out, c.says) {
				t.Errorf("%s %v ends with %d, want %d and %q:\n%s", program, c.args, code, c.code, c.says, out)
			}
			if _, err := os.Stat(data); !errors.Is(err, os.ErrNotExist) {
				t.Fatalf("%s %v made the data folder", program, c.args)
			}
		}
		if code, out := run("", "import", crontab); code != 3 || !strings.Contains(out, "1 line skipped; the rest was imported") {
			t.Errorf("%s ends with %d:\n%s", program, code, out)
		}
		if code, out := run("0 2 * * * curl https://m.example/x\n", "import", "-", "--prune"); code != 0 || !strings.Contains(out, "1 unchanged") {
			t.Errorf("%s ends with %d:\n%s", program, code, out)
		}
		if program != "standalone" {
			continue
		}
		// What is written out in a job is sealed under the key of the data folder, as the service does.
		if code, out := run("", "import", sealed); code != 1 || !strings.Contains(out, "SECRET_KEY") {
			t.Errorf("without a key it ends with %d:\n%s", code, out)
		}
		if err := os.WriteFile(filepath.Join(data, "secret.key"), []byte(strings.Repeat("0f", 32)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, out := run("", "import", sealed); code != 0 || !strings.Contains(out, "1 created") {
			t.Errorf("with a key it ends with %d:\n%s", code, out)
		}
	}
}
