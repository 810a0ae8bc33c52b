// Package web owns the page: its sources, and what is built from them in dist,
// which is committed so that the programs need no Node to be built.
//
// It never talks to anything: pkg/api serves it.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Dist is the built page, with index.html at its root.
func Dist() fs.FS {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // only for a path that is not valid
	}
	return files
}
