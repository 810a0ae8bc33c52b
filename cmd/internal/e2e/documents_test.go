package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The commands of the documents for users do what is said beside them, in both languages.
func TestDocuments(t *testing.T) {
	t.Parallel()
	tg, address := newTarget(t), freeAddress(t)
	start(t, "standalone", "--listen", address, "--data-dir", t.TempDir())
	s := &service{t: t, url: "http://" + address}
	s.ready()
	here := strings.NewReplacer("127.0.0.1:8000", address, "http://127.0.0.1:9000", tg.URL)
	page := func(file, heading string, n int) string {
		t.Helper()
		all := blocks(t, file, heading)
		if len(all) <= n {
			t.Fatalf("%s, %s has %d blocks", file, heading, len(all))
		}
		return here.Replace(all[n])
	}

	for file, heading := range map[string]string{"README.md": "## A nightly job", "README.zh-CN.md": "## 每晚跑一次的任务"} {
		said, _ := shell(t, s, page(file, heading, 0), "nightly-invoices")
		if !strings.Contains(said, `"id":"nightly-invoices"`) || !strings.Contains(said, `"next_run_at":"2`) || strings.Contains(said, `"errors"`) {
			t.Errorf("the nightly job of %s: %s", file, said)
		}
		s.must("DELETE", "/api/v1/jobs/nightly-invoices", nil, nil)
	}

	const begin = "docs/zh/start.md"
	said, _ := shell(t, s, page(begin, "## 第一个任务", 1), "hello")
	if !strings.Contains(said, `"state":"succeeded"`) || len(tg.of("hello")) == 0 {
		t.Errorf("the first job of %s: %s", begin, said)
	}
	if said, _ = shell(t, s, page(begin, "## 第一个任务", 2), "hello"); !strings.Contains(said, `"status":"paused"`) {
		t.Errorf("the pause of %s: %s", begin, said)
	}
	if said, _ = shell(t, s, page(begin, "## 先预览，再注册", 0), "hello"); !strings.Contains(said, "每月最后一个星期五 02:30") {
		t.Errorf("the preview of %s: %s", begin, said)
	}
	previewsAll(t, s)
	importsAll(t, s)
}

// previewsAll asks what each schedule of the documents means.
func previewsAll(t *testing.T, s *service) {
	t.Helper()
	var schedules []any
	for _, file := range []string{"README.md", "docs/zh/schedules.md"} {
		for _, value := range examples(t, file) {
			if object, ok := value.(map[string]any); ok && object["type"] != nil {
				schedules = append(schedules, value)
			}
		}
	}
	cells := regexp.MustCompile("(?m)^\\| [^|]+ \\| `([^`]+)` \\|$").FindAllStringSubmatch(document(t, "docs/zh/schedules.md"), -1)
	for _, cell := range cells {
		schedules = append(schedules, object{"type": "cron", "expression": cell[1]})
	}
	if len(cells) < 5 || len(schedules) < len(cells)+6 {
		t.Errorf("only %d schedules were found, %d of them in the table", len(schedules), len(cells))
	}
	for _, schedule := range schedules {
		if status, answer := s.call("POST", "/api/v1/schedules/preview", object{"schedule": schedule}); status != 200 || !strings.Contains(string(answer), `"next":[{"at":"2`) {
			t.Errorf("%v: %d %s", schedule, status, answer)
		}
	}
}

// importsAll takes in the jobs of the documents.
func importsAll(t *testing.T, s *service) {
	t.Helper()
	var jobs []any
	for _, value := range examples(t, "docs/zh/migrating.md") {
		if object, ok := value.(map[string]any); ok && object["jobs"] != nil {
			jobs = append(jobs, object["jobs"].([]any)...)
		}
	}
	jobs = append(jobs, examples(t, "docs/jobs.md")...)
	if len(jobs) < 2 {
		t.Errorf("only %d jobs were found", len(jobs))
	}
	for i, one := range jobs {
		one.(map[string]any)["id"] = "document-" + string(rune('a'+i))
	}
	if status, answer := s.call("POST", "/api/v1/jobs/import?dry_run=true", object{"jobs": jobs}); status != 200 {
		t.Errorf("%d %s", status, answer)
	}
}

func document(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// examples are the values in the JSON blocks of a document that are whole.
func examples(t *testing.T, file string) (all []any) {
	t.Helper()
	for i, part := range strings.Split(document(t, file), "\n```") {
		text, isJSON := strings.CutPrefix(part, "json\n")
		if i%2 == 0 || !isJSON || strings.Contains(text, "…") {
			continue
		}
		for decoder := json.NewDecoder(strings.NewReader(text)); decoder.More(); {
			var value any
			if err := decoder.Decode(&value); err != nil {
				t.Fatalf("%s: %v in %s", file, err, text)
			}
			all = append(all, value)
		}
	}
	return all
}

var link = regexp.MustCompile(`\]\(([^)#\s]*)(#[^)\s]*)?\)`)

// No document leads nowhere: files and headings that links name are there.
func TestLinksOfDocuments(t *testing.T) {
	var files []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(filepath.Join("..", "..", "..", pattern))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) < 25 {
		t.Fatalf("only %d documents were found", len(files))
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range link.FindAllStringSubmatch(string(text), -1) {
			target, anchor := found[1], found[2]
			if strings.Contains(target, "://") {
				continue
			}
			path := file
			if target != "" {
				path = filepath.Join(filepath.Dir(file), target)
			}
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s leads to %s, which is not there", file, target)
				continue
			}
			if anchor != "" && strings.HasSuffix(path, ".md") && !slices.Contains(anchors(t, path), anchor) {
				t.Errorf("%s leads to %s%s, which is no heading there", file, target, anchor)
			}
		}
	}
}

var noAnchor = regexp.MustCompile(`[^\p{L}\p{N}\- _]`)

// anchors are the fragments of the headings of a document, as GitHub makes them.
func anchors(t *testing.T, path string) (all []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if title, isHeading := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); isHeading && strings.HasPrefix(line, "#") {
			all = append(all, "#"+strings.ReplaceAll(noAnchor.ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), ""), " ", "-"))
		}
	}
	return all
}
