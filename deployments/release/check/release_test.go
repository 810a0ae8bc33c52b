// Package check reads .goreleaser.yaml as goreleaser does: a field that it does not know is refused. The program itself is too large to be
// built by CI. It is a module of its own because of what goreleaser depends on.
package check

import (
	"testing"

	"github.com/goreleaser/goreleaser/v2/pkg/config"
)

func TestConfiguration(t *testing.T) {
	project, err := config.Load("../../../.goreleaser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if project.Version != 2 || len(project.Builds) < 8 || len(project.NFPMs) != 1 || len(project.SBOMs) != 1 || project.Checksum.NameTemplate == "" {
		t.Errorf("it reads %+v", project)
	}
}
