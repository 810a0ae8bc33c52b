// Package buildinfo says which build of the product a program is. It imports nothing else, so that every program can.
package buildinfo

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// These may be set by the linker: -ldflags "-X schedule-server/internal/buildinfo.version=1.2.3". Empty: the build knows by itself.
var version, commit, date string

// Info is what is known of a build.
type Info struct {
	// Version is the module's, or the commit, or "dev".
	Version string `json:"version"`
	// Commit is what it was built from, with "-dirty" if the sources were changed. Empty: not known.
	Commit string `json:"commit"`
	// Date is when the commit was made, RFC 3339. Empty: not known.
	Date string `json:"date"`
	// Go is the version of Go, Platform the system that it was built for: "linux/amd64".
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// Read says which build this is.
func Read() Info {
	info := Info{Version: version, Commit: commit, Date: date, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if build, ok := debug.ReadBuildInfo(); ok {
		info.add(build)
	}
	if info.Version == "" {
		info.Version = "dev"
		if len(info.Commit) >= 12 {
			info.Version = info.Commit[:12]
		}
	}
	return info
}

// add fills in what the linker was not told.
func (i *Info) add(build *debug.BuildInfo) {
	if v := build.Main.Version; i.Version == "" && v != "(devel)" {
		i.Version = v
	}
	settings := map[string]string{}
	for _, setting := range build.Settings {
		settings[setting.Key] = setting.Value
	}
	if i.Commit == "" && settings["vcs.revision"] != "" {
		i.Commit = settings["vcs.revision"]
		if settings["vcs.modified"] == "true" {
			i.Commit += "-dirty"
		}
	}
	if i.Date == "" {
		i.Date = settings["vcs.time"]
	}
}

// String is one line for people: "1.2.3 (commit 0f3a…, 2026-11-18T07:00:00Z, go1.26 linux/amd64)".
func (i Info) String() string {
	var known []string
	if i.Commit != "" {
		known = append(known, "commit "+i.Commit)
	}
	if i.Date != "" {
		known = append(known, i.Date)
	}
	return fmt.Sprintf("%s (%s)", i.Version, strings.Join(append(known, i.Go+" "+i.Platform), ", "))
}
