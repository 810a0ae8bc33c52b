package queue

import (
	"regexp"
	"time"

	"schedule-server/pkg/job"
)

// name is a key or a channel of ours without the prefix. It is not a string, so
// that it cannot reach Redis but through Broker.key.
type name string

// Everything that this service names in Redis. Our own keys share one hash tag,
// so that in a cluster they lie in one slot and go together into a script or a
// transaction.
const (
	keyResults   name = "{schedule}:results"         // stream: events of runs, until the recorder has written them
	keySettling  name = "{schedule}:settling"        // somebody waits until the results are recorded
	keySince     name = "{schedule}:since"           // since when Redis keeps its data, in milliseconds
	keyRecording name = "{schedule}:recording"       // zset: batch of results that is being recorded → until when this holds
	keyUnknown   name = "{schedule}:results:unknown" // stream: entries that this version cannot read, kept aside
	keyChanges   name = "{schedule}:changes"         // stream: news for the live page, capped
	keyBeats     name = "{schedule}:beats"           // zset: name of a beat → second of its last sign of life
	keyCanceled  name = "{schedule}:canceled:"       // + run id: this run is not to be called
	keyOutcome   name = "{schedule}:outcome:"        // + run id: where the versions before this one kept what is in fieldOutcome now
	keyHeld      name = "{schedule}:held:"           // + run id: a worker without lease is still calling
	keyHosts     name = "{schedule}:hosts"           // hash: host that is held back → why and until when, as JSON
	keyKnock     name = "{schedule}:host:probe:"     // + host: somebody is trying whether it is well again
	keyPlaces    name = "{schedule}:host:places:"    // + host with a limit, zset: run id → when its place expires, in microseconds
	keyPace      name = "{schedule}:host:pace:"      // + host with a limit, hash: "next" and "booked", in microseconds
	keyTrials    name = "{schedule}:trials"          // list: ids of requests to be tried
	keyTrial     name = "{schedule}:trial:"          // + id: such a request, until a worker takes it
	keyTried     name = "{schedule}:tried:"          // + id, list: what came of it
	keyProbe     name = "{schedule}:probe"           // written to see whether Redis takes anything
	// keyInstallation is a string: whose Redis this is, see installation.go.
	keyInstallation name = "{schedule}:installation"
	channelWake     name = "schedule:wake"      // pub/sub: some job changed
	channelHost     name = "schedule:hosts"     // pub/sub: what is held back changed
	channelBell     name = "schedule:bell"      // pub/sub: tasks were enqueued
	channelCut      name = "schedule:cut"       // pub/sub: run ids, spaced, whose calls are to be cut off
	keyWorkers      name = "{schedule}:workers" // zset: life of a worker process → second of its last sign of life
	keyCalls        name = "{schedule}:calls"   // hash: run id → life of the worker process that is calling it
	keyLosses       name = "{schedule}:losses:" // + run id: how many workers died over it
	keyCuts         name = "{schedule}:cuts"    // zset: run id whose call is to be cut off → when that was asked, where it cannot be published
	// + life: nobody speaks there; that a worker listens shows that it is there.
	channelWorker name = "schedule:worker:"
)

// What is within them, and within asynq's, which no prefix changes.
const (
	groupRecord  = "recorder"         // consumer group of the results
	taskDeliver  = "run:deliver+cbor" // asynq task type: deliver one run
	fieldEvent   = "e"                // of a result: the event
	fieldFormat  = "v"                // of a result, of news: the format of what it holds
	fieldChanges = "c"                // of news: the changes as a JSON list
	fieldTaker   = "taker"            // of an asynq task: life of the worker process that took it last
	fieldOutcome = "outcome"          // of an asynq task: how far its delivery had come, for the next one
	fieldOrigin  = "id"               // of an unknown entry: the id it had among the results
	// taskDeliverJSON is the type of the tasks that the first versions wrote.
	taskDeliverJSON = "run:deliver"
)

const (
	// retention is how long asynq remembers a completed task, and so refuses
	// another one of the same run.
	retention = 5 * time.Minute
	// canceledTTL outlives every wait of a run: a backoff is at most 24 hours.
	canceledTTL = 48 * time.Hour
	// heldTTL is how long a call without lease keeps others off after its last sign.
	heldTTL   = 30 * time.Second
	heldEvery = 10 * time.Second
	// beatTTL is how long a beat counts as alive after its last sign.
	beatTTL = 15 * time.Second
	// probeTTL is how long a probe is kept.
	probeTTL = time.Minute
	// hostsMax bounds the hosts that all workers know to be held back; more are known to single workers.
	hostsMax = 1000
	// hostForgotten is how long after its hold a host is remembered that nobody has called since.
	hostForgotten = 10 * time.Minute
	// paceTTL outlives every wait for a place.
	paceTTL = 10 * time.Minute
	// unknownMax bounds the entries kept aside.
	unknownMax = 1000
	// lostWorkers is how many deliveries of one run may be lost, beyond its own
	// attempts, before asynq gives the task up and archives it.
	lostWorkers = 50
	// timeoutHeadroom is how much longer than its call a delivery may take.
	timeoutHeadroom = time.Minute
)

// Names that belong to asynq (v0.26, internal/base). They are read in bulk
// where its Inspector asks one task at a time, and runs a memory estimate that
// fails while tasks come and go; a test compares them with what asynq writes.
const asynqQueues = "asynq:queues"

// prefixes are what a prefix may be: nothing that is special in a glob, as access lists have it, and no brace.
var prefixes = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._:-]{0,62}[A-Za-z0-9])?$`)

// parsePrefix reads a redis-prefix. The error is an *job.OptionError.
func parsePrefix(prefix string) (string, error) {
	switch {
	case prefix == "":
		return "", nil
	case prefixes.MatchString(prefix):
		return prefix + ":", nil
	}
	return "", job.OptionErrorf("redis-prefix",
		"write up to 64 letters, digits and . _ : - that begin and end with a letter or digit, such as staging; the colon after it is added")
}

// key is what a name of ours is in Redis: {schedule}:results, or with the prefix
// staging {staging:schedule}:results. The prefix is part of the hash tag, so that in a
// cluster each installation has a slot of its own.
func (b *Broker) key(n name) string {
	switch {
	case b.prefix == "":
		return string(n)
	case n[0] == '{':
		return "{" + b.prefix + string(n[1:])
	}
	return b.prefix + string(n)
}

// queueName is what asynq calls a queue of ours: default, or with the prefix staging
// staging:default. Asynq knows no other way to keep the tasks of two installations apart.
func (b *Broker) queueName(queue job.Queue) string { return b.prefix + string(queue) }

func (b *Broker) asynqKey(queue job.Queue, name string) string {
	return "asynq:{" + b.queueName(queue) + "}:" + name
}

func (b *Broker) asynqTask(queue job.Queue, runID string) string {
	return b.asynqKey(queue, "t:"+runID)
}

// queues lists the queues, the most urgent first.
func queues() []job.Queue {
	return []job.Queue{job.QueueCritical, job.QueueDefault, job.QueueNotify, job.QueueLow}
}

// served is the queue that a task goes to: one that workers serve, whatever the history says.
func served(queue job.Queue) job.Queue {
	if _, ok := job.QueueWeights()[queue]; ok {
		return queue
	}
	return job.QueueDefault
}
