// Package queue is the only door to asynq, asynqmon and Redis. It owns the
// names of everything that is kept there, the wire form of tasks and events,
// and the ways in which work and news travel: tasks to workers, events back,
// wake-ups, heartbeats, marks of cancellation.
//
// It keeps nothing that matters: the database is the truth, and whatever is
// lost here is put back from there. It never decides whether a run is made,
// what is called, or how a call is judged; it reads no database and makes no
// HTTP call.
//
// Redis 6.2 or newer is needed (XAUTOCLAIM).
package queue
