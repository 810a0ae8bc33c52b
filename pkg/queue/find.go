package queue

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"schedule-server/pkg/job"
)

// What Redis holds of a run lies in several keys of asynq's, each of which may vanish alone: the hash of
// its task, with the message, and the list or set in which its id stands. No one of them proves that the
// task will come.

// turnSlack is how much older than the next task of a queue one may be and still be taken
// for one that has not had its turn: several processes enqueue, each by its own clock.
const turnSlack = 5 * time.Second

const (
	// markFunction tells one state of a task from any later one.
	markFunction = `
local function mark(task)
  return task[1] and task[1] .. ":" .. (task[2] or "") .. ":" .. (task[3] or "") or ""
end`

	// KEYS: pending, active, lease, retry, scheduled; ARGV: the prefix of tasks, the slack in ns, then the ids.
	// The answer begins with a letter for each: w waits, t taken, b broken, e ended, g given up, l lost;
	// the marks of all that do not wait follow. Those that wait are many: the list is read only for one whose turn has passed.
	findScript = markFunction + `
local function set(list)
  local has = {}
  for _, id in ipairs(redis.call("LRANGE", list, 0, -1)) do
    has[id] = true
  end
  return has
end
local next, pending, active
local function waits(id, since)
  if next == nil then
    local oldest = redis.call("LINDEX", KEYS[1], -1)
    next = oldest and tonumber(redis.call("HGET", ARGV[1] .. oldest, "pending_since") or "") or false
  end
  if next and since and tonumber(since) >= next - tonumber(ARGV[2]) then
    return true
  end
  pending = pending or set(KEYS[1])
  return pending[id]
end
local letters, answer = {}, {""}
for i = 3, #ARGV do
  local id = ARGV[i]
  local key = ARGV[1] .. id
  local task = redis.call("HMGET", key, "state", "pending_since", "taker")
  local state, letter = task[1], "l"
  if state and redis.call("HEXISTS", key, "msg") == 1 then
    if state == "pending" then
      letter = waits(id, task[2]) and "w" or "l"
    elseif state == "retry" then
      letter = redis.call("ZSCORE", KEYS[4], id) and "w" or "l"
    elseif state == "scheduled" then
      letter = redis.call("ZSCORE", KEYS[5], id) and "w" or "l"
    elseif state == "active" then
      active = active or set(KEYS[2])
      letter = active[id] and redis.call("ZSCORE", KEYS[3], id) and "t" or "b"
    elseif state == "completed" then
      letter = "e"
    elseif state == "archived" then
      letter = "g"
    end
  end
  letters[#letters + 1] = letter
  if letter ~= "w" then
    answer[#answer + 1] = mark(task)
  end
end
answer[1] = table.concat(letters)
return answer`

	// KEYS: pending, active, lease, retry, scheduled, completed, archived, then the task of each;
	// ARGV: the time in ns, then id, mark and message of each, which is empty where the task is not to be made anew.
	// The answer are the ids of those that were still as they had been marked. An id that is left among the pending ones is
	// dropped by who takes it.
	redeliverScript = markFunction + `
local done = {}
for i = 8, #KEYS do
  local key, id, message = KEYS[i], ARGV[3 * (i - 8) + 2], ARGV[3 * (i - 8) + 4]
  if mark(redis.call("HMGET", key, "state", "pending_since", "taker")) == ARGV[3 * (i - 8) + 3] then
    redis.call("DEL", key)
    redis.call("LREM", KEYS[2], 0, id)
    for k = 3, 7 do
      redis.call("ZREM", KEYS[k], id)
    end
    if message ~= "" then
      redis.call("HSET", key, "msg", message, "state", "pending", "pending_since", ARGV[1])
      redis.call("LPUSH", KEYS[1], id)
    end
    done[#done + 1] = id
  end
end
return done`
)

// whereabouts are the letters of findScript.
var whereabouts = map[byte]job.Whereabouts{
	'l': job.TaskLost, 'b': job.TaskBroken, 'e': job.TaskEnded, 'w': job.TaskWaits, 't': job.TaskTaken, 'g': job.TaskGivenUp,
}

// Find tells what the queue holds of each of the runs. Those that a glance shows to wait are looked at no further,
// unless it is to be thorough: all that is held of the others is looked at at one moment.
func (b *Broker) Find(ctx context.Context, runs []job.OpenRun, thorough bool) ([]job.Remains, error) {
	found := make([]job.Remains, len(runs))
	for queue, places := range byQueue(len(runs), func(i int) job.Queue { return runs[i].Queue }) {
		for some := range slices.Chunk(places, askAtOnce) {
			var err error
			if !thorough {
				some, err = b.glance(ctx, queue, runs, some, found)
			}
			if err == nil && len(some) > 0 {
				err = b.find(ctx, queue, runs, some, found)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return found, b.trustEnded(ctx, found)
}

// glance notes which of the runs at the places, which are of one queue, wait for their turn, and gives
// back the others. If such a task has no message, or is not in the list, that shows when its turn has come.
func (b *Broker) glance(ctx context.Context, queue job.Queue, runs []job.OpenRun, places []int, found []job.Remains) (left []int, err error) {
	next, err := b.client.LIndex(ctx, b.asynqKey(queue, "pending"), -1).Result()
	if errors.Is(err, redis.Nil) {
		return places, nil
	}
	if err != nil {
		return nil, unavailable(err)
	}
	prefix := b.asynqKey(queue, "t:")
	replies, err := b.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.HGet(ctx, prefix+next, "pending_since")
		for _, i := range places {
			_ = p.Process(ctx, redis.NewStringSliceCmd(ctx, "hmget", prefix+runs[i].ID, "state", "pending_since"))
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, unavailable(err)
	}
	oldest, err := replies[0].(*redis.StringCmd).Int64()
	if err != nil {
		return places, nil // the next has just been taken, or has vanished
	}
	for k, i := range places {
		task := replies[k+1].(*redis.StringSliceCmd).Val()
		if len(task) == 2 && task[0] == "pending" {
			if since, err := strconv.ParseInt(task[1], 10, 64); err == nil && since >= oldest-turnSlack.Nanoseconds() {
				found[i].Whereabouts = job.TaskWaits
				continue
			}
		}
		left = append(left, i)
	}
	return left, nil
}

// find fills in what was found of the runs at the places, which are of one queue.
func (b *Broker) find(ctx context.Context, queue job.Queue, runs []job.OpenRun, places []int, found []job.Remains) error {
	args := make([]any, 2, len(places)+2)
	args[0], args[1] = b.asynqKey(queue, "t:"), turnSlack.Nanoseconds()
	for _, i := range places {
		args = append(args, runs[i].ID)
	}
	answer, err := b.scripts.find.Run(ctx, b.client, b.queueKeys(queue)[:5], args...).StringSlice()
	if err != nil {
		return unavailable(err)
	}
	if len(answer) == 0 || len(answer[0]) != len(places) {
		return unavailable(errAnswer)
	}
	marks := answer[1:]
	for k, i := range places {
		found[i].Whereabouts = whereabouts[answer[0][k]]
		if found[i].Whereabouts != job.TaskWaits && len(marks) > 0 {
			found[i].Mark, marks = marks[0], marks[1:]
		}
	}
	return nil
}

// queueKeys are the keys of a queue in which the id of a task may stand.
func (b *Broker) queueKeys(queue job.Queue) []string {
	names := []string{"pending", "active", "lease", "retry", "scheduled", "completed", "archived"}
	for i, name := range names {
		names[i] = b.asynqKey(queue, name)
	}
	return names
}

// trustEnded takes a task that has ended for one whose news will come, as long as
// results of a newer version lie aside that may hold it.
func (b *Broker) trustEnded(ctx context.Context, found []job.Remains) error {
	var ended []int
	for i := range found {
		if found[i].Whereabouts == job.TaskEnded {
			ended = append(ended, i)
		}
	}
	if len(ended) == 0 {
		return nil
	}
	last, err := b.client.XRevRangeN(ctx, b.key(keyUnknown), "+", "-", 1).Result()
	if err != nil {
		return unavailable(err)
	}
	if len(last) == 0 {
		return nil
	}
	now, err := b.client.Time(ctx).Result()
	if err != nil {
		return unavailable(err)
	}
	if put := entryTime(last[0].ID); now.Sub(put) < retention {
		for _, i := range ended {
			found[i].Whereabouts = job.TaskWaits
		}
	}
	return nil
}

// entryTime is when an entry was added to a stream, by the clock of Redis.
func entryTime(id string) time.Time {
	ms, _, _ := strings.Cut(id, "-")
	at, _ := strconv.ParseInt(ms, 10, 64) // as Redis writes it
	return time.UnixMilli(at)
}

// Redeliver makes the tasks anew, in place of what is left of them, but for those that
// have changed since they were marked. It tells which were made, also beside an error.
func (b *Broker) Redeliver(ctx context.Context, tasks []job.Task, marks []string) (made []string, err error) {
	for queue, places := range byQueue(len(tasks), func(i int) job.Queue { return tasks[i].Queue }) {
		for some := range slices.Chunk(places, enqueueAtOnce) {
			h := &parcel{}
			holding := context.WithValue(ctx, parcelKey{}, h)
			for _, i := range some {
				if err := b.hand(holding, &tasks[i]); err != nil {
					return made, err
				}
			}
			r := replacement{queue: queue}
			for k, i := range some {
				r.add(tasks[i].RunID, marks[i], h.batches[0].args[2*k+2])
			}
			done, err := b.replace(ctx, &r)
			if made = append(made, done...); err != nil {
				return made, err
			}
		}
	}
	if len(made) > 0 {
		_, _ = b.publish(ctx, channelBell, "") // workers look by themselves, too
	}
	return made, nil
}

// Discard removes what is left of the runs' tasks, but for those that have changed since they were marked, and
// tells of which it did, also beside an error.
func (b *Broker) Discard(ctx context.Context, tasks []job.Task, marks []string) (gone []string, err error) {
	for queue, places := range byQueue(len(tasks), func(i int) job.Queue { return tasks[i].Queue }) {
		for some := range slices.Chunk(places, enqueueAtOnce) {
			r := replacement{queue: queue}
			for _, i := range some {
				r.add(tasks[i].RunID, marks[i], "")
			}
			done, err := b.replace(ctx, &r)
			if gone = append(gone, done...); err != nil {
				return gone, err
			}
		}
	}
	return gone, nil
}

// byQueue sorts the places from 0 to n-1 by the queue that each is served in.
func byQueue(n int, queue func(i int) job.Queue) map[job.Queue][]int {
	places := map[job.Queue][]int{}
	for i := range n {
		served := served(queue(i))
		places[served] = append(places[served], i)
	}
	return places
}

// replacement is what redeliverScript is to do in one queue.
type replacement struct {
	queue job.Queue
	args  []any
	runs  []string
}

func (r *replacement) add(runID, mark string, message any) {
	r.runs = append(r.runs, runID)
	r.args = append(r.args, runID, mark, message)
}

// replace does that, and then drops what else is kept for the runs: the holds of calls, and what an earlier version saved.
func (b *Broker) replace(ctx context.Context, r *replacement) (done []string, err error) {
	args := append([]any{time.Now().UnixNano()}, r.args...)
	keys := b.queueKeys(r.queue)
	for _, id := range r.runs {
		keys = append(keys, b.asynqTask(r.queue, id))
	}
	done, err = b.scripts.redeliver.Run(ctx, b.client, keys, args...).StringSlice()
	if err != nil || len(done) == 0 {
		return nil, unavailable(err)
	}
	ours := make([]string, 0, 2*len(done))
	for _, id := range done {
		ours = append(ours, b.key(keyHeld)+id, b.key(keyOutcome)+id)
	}
	return done, unavailable(b.client.Del(ctx, ours...).Err())
}
