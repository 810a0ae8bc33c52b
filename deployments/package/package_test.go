// Package packages holds the two descriptions of the package to each other: nfpm.yaml, which CI installs, and .goreleaser.yaml, which
// makes a release.
package packages

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// described is what both say of a package.
type described struct {
	Maintainer, License, Description, Section, Priority string
	Recommends                                          []string
	Umask                                               int
	Contents                                            []map[string]any
	Scripts                                             map[string]string
}

// read gives what is in a YAML file of the repository.
func read[T any](t *testing.T, file string) T {
	t.Helper()
	var into T
	if err := yaml.Unmarshal([]byte(text(t, file)), &into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return into
}

func text(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", file))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

type build struct {
	ID, Main, Binary string
	Ldflags          []string
}

type releases struct {
	Builds []build
	Nfpms  []struct {
		described    `yaml:",inline"`
		Dependencies []string
		Overrides    map[string]struct{ Dependencies []string }
	}
}

func TestPackageIsThatOfTheRelease(t *testing.T) {
	tested := read[struct {
		described `yaml:",inline"`
		Depends   []string
		Overrides map[string]struct{ Depends []string }
	}](t, "deployments/package/nfpm.yaml")
	released := read[releases](t, ".goreleaser.yaml").Nfpms[0]
	programs := tested.Contents[0]
	if programs["dst"] != "/usr/bin/" {
		t.Fatalf("the programs are not the first of what nfpm.yaml packs, but %v", programs)
	}
	tested.Contents = tested.Contents[1:] // goreleaser packs what it built
	if diff := cmp.Diff(tested.described, released.described); diff != "" {
		t.Errorf("nfpm.yaml and .goreleaser.yaml differ:\n%s", diff)
	}
	if diff := cmp.Diff(tested.Depends, released.Dependencies); diff != "" {
		t.Errorf("the packages depend on different ones:\n%s", diff)
	}
	for format, more := range tested.Overrides {
		if diff := cmp.Diff(more.Depends, released.Overrides[format].Dependencies); diff != "" {
			t.Errorf("the packages %s depend on different ones:\n%s", format, diff)
		}
	}
}

// Every program is released, under the name that its unit and its settings have.
func TestProgramsOfTheRelease(t *testing.T) {
	names := map[string]string{"standalone": "schedule-server", "api": "schedule-api", "beat": "schedule-beat", "worker": "schedule-worker", "schedctl": "schedctl"}
	built := map[string]bool{}
	for _, b := range read[releases](t, ".goreleaser.yaml").Builds {
		program := strings.TrimPrefix(b.Main, "./cmd/")
		if b.Binary != names[program] || b.Binary == "" {
			t.Errorf("%s is released as %q", b.Main, b.Binary)
		}
		if !strings.Contains(strings.Join(b.Ldflags, " "), "-X schedule-server/internal/buildinfo.version={{ .Version }}") {
			t.Errorf("%s does not know its version", b.ID)
		}
		built[program] = true
	}
	folders, err := os.ReadDir("../../cmd")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		if name := folder.Name(); name != "internal" && !built[name] {
			t.Errorf("cmd/%s is not released", name)
		}
	}
	for program, name := range names {
		if program == "schedctl" {
			continue
		}
		unit := text(t, "deployments/systemd/"+name+".service")
		if !strings.Contains(unit, "\nExecStart=/usr/bin/"+name+"\n") || !strings.Contains(unit, "\nEnvironmentFile=-/etc/schedule-server/"+name+".env\n") {
			t.Errorf("the unit of %s starts another program or reads other settings", name)
		}
		if text(t, "deployments/package/env/"+name+".env") == "" {
			t.Errorf("%s has no settings", name)
		}
	}
}

// What the files of settings name are variables of the programs.
func TestSettingsAreKnown(t *testing.T) {
	flags := text(t, "pkg/app/flags.go") + text(t, "cmd/standalone/main.go")
	files, err := filepath.Glob("env/*.env")
	if err != nil || len(files) != 4 {
		t.Fatalf("%v in %v", err, files)
	}
	for _, file := range append(files, "../.env.example") {
		for _, found := range regexp.MustCompile(`(?m)^#?([A-Z_]+)=`).FindAllStringSubmatch(text(t, "deployments/package/"+file), -1) {
			ofCompose := strings.HasPrefix(found[1], "REDIS_PASS") || strings.HasPrefix(found[1], "POSTGRES_")
			if !ofCompose && !strings.Contains(flags, `env:"`+found[1]+`"`) {
				t.Errorf("%s names %s, which no program reads", file, found[1])
			}
		}
	}
}
