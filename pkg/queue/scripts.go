package queue

import (
	"github.com/redis/go-redis/v9"
)

// The scripts of asynq v0.26 that every run goes through, by their SHA-1. They
// handle one task each; ours below do the same with many, which takes half of
// the time, here and in Redis (docs/adr/0005-asynq-in-batches.md), and they go by no key alone: part of
// a task may have vanished (docs/adr/0009-deadlines.md). A script that is not one of
// them, of another version of asynq say, passes unchanged.
const (
	asynqEnqueue  = "98d28b42650870a743450ffda9791e9e19c6991b"
	asynqTake     = "a8153319360adc71cdc370107f8ab9786f204765"
	asynqComplete = "117dca952700588e559c7ace20b925096d587974"
	// asynqForward makes tasks pending whose time has come, and tells how many.
	asynqForward = "522b1a6ae66fe79ea2f24a9af58798ab71879035"
	// asynqExpired lists the tasks whose lease has ended by the clock of who asks.
	asynqExpired = "16988a462595f6ee317be300951533b004f27f5c"
	// asynqRetry lets a task wait for its next delivery.
	asynqRetry = "65fa409c88198a681c53e0892d8276eca0145694"
)

// Each takes the same keys and arguments as asynq's script, those that go with one
// task again for every task. In a cluster all keys of one queue are in one slot.
const (
	// KEYS: pending, then the task of each; ARGV: the time in ns, then id and message of each.
	enqueueScript = `
local ids = {}
for i = 2, #KEYS do
  if redis.call("EXISTS", KEYS[i]) == 0 then
    redis.call("HSET", KEYS[i], "msg", ARGV[2 * i - 1], "state", "pending", "pending_since", ARGV[1])
    ids[#ids + 1] = ARGV[2 * i - 2]
  end
end
if #ids > 0 then
  redis.call("LPUSH", KEYS[1], unpack(ids))
end
return #ids`

	// KEYS: pending, paused, active, lease; ARGV: the end of the lease, the prefix of tasks, how many, the life
	// of the worker process, which is noted with each task so that it is missed when that process dies. The answer begins with how
	// many ids there were, if there were any. An id whose task has vanished, or is no more pending because the id stood twice in the list, is dropped.
	takeScript = `
if redis.call("EXISTS", KEYS[2]) == 1 then
  return {}
end
local ids = redis.call("RPOP", KEYS[1], ARGV[3])
if not ids then
  return {}
end
local answer, taken, leases = {tostring(#ids)}, {}, {}
for _, id in ipairs(ids) do
  local key = ARGV[2] .. id
  local task = redis.call("HMGET", key, "state", "msg")
  if not task[2] then
    redis.call("DEL", key)
  elseif task[1] == "pending" then
    redis.call("HSET", key, "state", "active", "taker", ARGV[4])
    taken[#taken + 1] = id
    leases[#leases + 1] = ARGV[1]
    leases[#leases + 1] = id
    answer[#answer + 1] = id
    answer[#answer + 1] = task[2]
  end
end
if #taken > 0 then
  redis.call("LPUSH", KEYS[3], unpack(taken))
  redis.call("ZADD", KEYS[4], unpack(leases))
end
return answer`

	// KEYS: active, lease, pending, then the task of each; ARGV: the life of the worker process, then the id of each.
	// What somebody else has taken meanwhile is not given back.
	giveBackScript = `
for i = 4, #KEYS do
  local id = ARGV[i - 2]
  if redis.call("HGET", KEYS[i], "taker") == ARGV[1] and redis.call("LREM", KEYS[1], -1, id) == 1 and redis.call("ZREM", KEYS[2], id) == 1 then
    redis.call("RPUSH", KEYS[3], id)
    redis.call("HSET", KEYS[i], "state", "pending")
  end
end
return redis.status_reply("OK")`

	// KEYS: task, active, lease, retry, processed and failed on this day, processed, failed;
	// ARGV: id, message, when to retry, the end of the day's counts, 1 if it counts, the greatest count.
	// Asynq's own would write the message of a task that has vanished meanwhile anew, without what was saved beside it.
	retryScript = `
local there = redis.call("HEXISTS", KEYS[1], "msg") == 1
if redis.call("LREM", KEYS[2], 0, ARGV[1]) == 0 or redis.call("ZREM", KEYS[3], ARGV[1]) == 0 then
  return redis.error_reply("NOT FOUND")
end
if not there then
  redis.call("DEL", KEYS[1])
  return redis.status_reply("OK")
end
redis.call("ZADD", KEYS[4], ARGV[3], ARGV[1])
redis.call("HSET", KEYS[1], "msg", ARGV[2], "state", "retry")
if tonumber(ARGV[5]) == 1 then
  for i = 5, 6 do
    if redis.call("INCR", KEYS[i]) == 1 then
      redis.call("EXPIREAT", KEYS[i], ARGV[4])
    end
  end
  if redis.call("GET", KEYS[7]) == ARGV[6] then
    redis.call("SET", KEYS[7], 1)
    redis.call("SET", KEYS[8], 1)
  else
    redis.call("INCR", KEYS[7])
    redis.call("INCR", KEYS[8])
  end
end
return redis.status_reply("OK")`

	// KEYS: task; ARGV: the outcome.
	saveScript = `
if redis.call("HEXISTS", KEYS[1], "msg") == 0 then
  return 0
end
redis.call("HSET", KEYS[1], "outcome", ARGV[1])
return 1`

	// KEYS: retry, pending; ARGV: the time in s, the prefix of tasks, how many, the time in ns. The
	// answer is how many were made pending, and when the first of the others is due: -1, there is none.
	forwardScript = `
local first = redis.call("ZRANGE", KEYS[1], 0, 0, "WITHSCORES")
if not first[2] then
  return {0, -1}
end
if tonumber(first[2]) > tonumber(ARGV[1]) then
  return {0, tonumber(first[2])}
end
local ids = redis.call("ZRANGE", KEYS[1], "-inf", ARGV[1], "BYSCORE", "LIMIT", 0, ARGV[3])
for _, id in ipairs(ids) do
  redis.call("LPUSH", KEYS[2], id)
  redis.call("ZREM", KEYS[1], id)
  redis.call("HSET", ARGV[2] .. id, "state", "pending", "pending_since", ARGV[4])
end
first = redis.call("ZRANGE", KEYS[1], 0, 0, "WITHSCORES")
return {#ids, tonumber(first[2] or -1)}`

	// KEYS: active, lease, completed, processed on this day, processed, then the task of each;
	// ARGV: the end of the day's count, the greatest count, then id, end of retention and message of each.
	// The oldest active task is the last of its list. The answer says what is wrong with each, empty for nothing.
	completeScript = `
local wrong, ids = {}, {}
for i = 6, #KEYS do
  ids[i - 5] = ARGV[3 * (i - 5)]
end
local leased = redis.call("ZMSCORE", KEYS[2], unpack(ids))
local completed = redis.call("ZMSCORE", KEYS[3], unpack(ids))
local ended, kept = {}, {}
for i, id in ipairs(ids) do
  if redis.call("LREM", KEYS[1], -1, id) == 0 or not leased[i] then
    wrong[i] = "NOT FOUND"
  else
    ended[#ended + 1] = id
    wrong[i] = completed[i] and "INTERNAL" or ""
  end
  if wrong[i] == "" then
    kept[#kept + 1] = ARGV[3 * i + 1]
    kept[#kept + 1] = id
    redis.call("HSET", KEYS[i + 5], "msg", ARGV[3 * i + 2], "state", "completed")
  end
end
if #ended > 0 then
  redis.call("ZREM", KEYS[2], unpack(ended))
end
local good = #kept / 2
if good > 0 then
  redis.call("ZADD", KEYS[3], unpack(kept))
end
if good > 0 then
  if redis.call("INCRBY", KEYS[4], good) == good then
    redis.call("EXPIREAT", KEYS[4], ARGV[1])
  end
  if redis.call("GET", KEYS[5]) == ARGV[2] then
    redis.call("SET", KEYS[5], good)
  else
    redis.call("INCRBY", KEYS[5], good)
  end
end
return wrong`
)

// scripts are ours, ready to be run.
type scripts struct {
	enqueue, take, giveBack, forward, complete, retry, save, find, redeliver, note *redis.Script
}

func newScripts() *scripts {
	return &scripts{
		enqueue: redis.NewScript(enqueueScript), take: redis.NewScript(takeScript),
		giveBack: redis.NewScript(giveBackScript),
		forward:  redis.NewScript(forwardScript), complete: redis.NewScript(completeScript),
		retry: redis.NewScript(retryScript), save: redis.NewScript(saveScript),
		find: redis.NewScript(findScript), redeliver: redis.NewScript(redeliverScript), note: redis.NewScript(noteScript),
	}
}
