//go:build !cgo

package store

import (
	"context"
	"database/sql/driver"
	_ "unsafe" // for go:linkname
)

// sqliteDriver does not exist without cgo, because SQLite is written in C. Without it
// the code can be type-checked, as go vet does for another system, but not linked. The
// linker's error holds the name below, which tells people what to do.
//
//go:noinline
func sqliteDriver() driver.Driver {
	needsCompiler()
	return nil
}

//go:linkname needsCompiler SQLite_needs_a_C_compiler:_install_gcc_or_clang_and_build_with_CGO_ENABLED=1
func needsCompiler()

// asSQLite knows no errors of SQLite.
func asSQLite(error) (e sqliteError, ok bool) { return e, false }

// copyAll has nothing to copy: there is no connection.
func copyAll(context.Context, driver.Conn, any) error { return nil }

// deserialize has nothing to fill: there is no connection.
func deserialize(driver.Conn, []byte, int) error { return nil }
