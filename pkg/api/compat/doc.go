// Package compat owns the HTTP API of the service that this one replaces (FastAPI and APScheduler): its paths, its
// envelope, its error codes, its lax reading of input and its CORS. Clients of the original work by changing their
// base URL. It never keeps a job itself, never calls a target and knows neither database nor queue: what it does to
// jobs it does through Jobs.
//
// The answers recorded from the original are in testdata/transcripts, and every one of them is replayed by a test.
// Where the original was wrong, the test lists the exchange with what is right instead:
//
//   - A fault of meaning (month 13, an impossible expression, no URL, an interval below one second or beyond 292
//     years, a schedule that never fires) is refused with 422 in the form of the other refusals, of type
//     value_error, and an old job of that id stays as it is.
//   - get_job of an unknown id answers code 10013.
//   - An interval job is stored and runs, first one interval after it was added. Members left out count as 0; all of
//     them left out or null is error 30001, a null beside a number is refused.
//
// # Jobs of the native API seen from here
//
// All jobs share one store, so jobs that this API cannot express are shown by it as truly as its form allows. The name
// is "requests_url" for every job, as it was. A crontab expression shows its own field texts, "*" for year and week,
// second "0" when it has five fields; a time zone, bounds and exclusions do not show. An interval shows its hours,
// over 23 too, and a fraction of a second as a fraction. A date shows its UTC second. Moments carry milliseconds
// where the original had microseconds.
//
// # Completed jobs
//
// The original deleted a date job when its moment had come. Here it is completed and stays readable in the native
// API, but for this API it does not exist: it is not listed, and get, pause, resume and remove answer that the id is
// unknown. So remove_job does not take it away: no client of the original could ever delete such a job, and one that
// tidies up after its jobs must not erase what others read. A date whose grace has run out is treated the same way from
// that moment on, before its occurrence is accounted for as missed.
//
// # Failures
//
// The original had no code for a database that is away; every failure was a bare 500. Here it is a 503 with a detail.
// All answers carry the CORS headers, so that a browser shows them. A body over 256 KiB is refused with 413.
package compat
