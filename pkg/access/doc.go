// Package access owns who may do what: scopes, keys and sessions, who is let in
// (Gate), who gives keys out (Keeper), and the words in which the audit log
// tells who did what.
//
// It knows no HTTP and no SQL, and reads the clock that it is given.
package access
