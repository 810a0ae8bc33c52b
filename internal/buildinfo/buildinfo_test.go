package buildinfo

import (
	"runtime/debug"
	"testing"
)

func TestInfo(t *testing.T) {
	build := &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.modified", Value: "true"}, {Key: "vcs.time", Value: "2026-11-18T07:00:00Z"},
	}}
	for _, one := range []struct {
		name, want string
		info       Info
		build      *debug.BuildInfo
	}{
		{"of a module", "v1.2.3 (commit 0123456789abcdef-dirty, 2026-11-18T07:00:00Z, go1 linux/amd64)", Info{Go: "go1", Platform: "linux/amd64"}, build},
		{"the linker's come first", "2 (commit c, d, go1 linux/amd64)", Info{Version: "2", Commit: "c", Date: "d", Go: "go1", Platform: "linux/amd64"}, build},
		{"nothing is known", " (go1 linux/amd64)", Info{Go: "go1", Platform: "linux/amd64"}, &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}},
	} {
		one.info.add(one.build)
		if got := one.info.String(); got != one.want {
			t.Errorf("%s: got %q, want %q", one.name, got, one.want)
		}
	}
	if got := Read(); got.Version == "" || got.Go == "" {
		t.Errorf("this build is %+v", got)
	}
}
