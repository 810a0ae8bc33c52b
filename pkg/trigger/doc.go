// Package trigger owns schedules: it reads what a user wrote (a crontab expression, the APScheduler fields, an
// interval on an anchor, a date), says when it fires, explains it in words and warns of what would surprise.
//
// It is pure time arithmetic. It never reads the clock (the moment is always passed in), starts no goroutine, keeps
// no state beyond the time zones a Parser has met, and imports nothing but the standard library. The time zone
// database is embedded here, so that every binary and every test has it.
//
// # Daylight saving
//
// A cron with a wildcard (* or */n) in its hour or minute field follows real time: every existing instant that
// matches, in both passes of the autumn fold, nothing in the spring gap. Any other cron names wall-clock times and
// fires once for each of them: in the fold at the first pass, in the gap moved on by the gap's length
// (02:30 becomes 03:30), and where two land on one instant they are one. docs/schedules.md says why.
package trigger

import (
	_ "time/tzdata" // a scratch container has no zone database, and the answer must not depend on the machine
)
