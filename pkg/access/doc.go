// Package access owns who may do what: scopes, keys, sessions, and the words in
// which the audit log tells who did what.
//
// It knows no HTTP, no SQL and no clock of its own.
package access
