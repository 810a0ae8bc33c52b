package queue

import (
	"cmp"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"time"

	"schedule-server/pkg/job"
)

// placeScript gives a call a place under the limits of its host, or the
// microseconds until there may be one, 0 when it is given, and whether all are taken. The rate is a GCRA: "next"
// is the moment from which on one second's worth may begin. Who is to come back
// is given a moment of its own, "booked" being that of the last one, as far as a
// minute is; who comes after that is spread over its second half.
const placeScript = `
local time = redis.call("TIME")
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local most, lease, run = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local interval, burst = tonumber(ARGV[4]), tonumber(ARGV[5])
local spacing, book, random = tonumber(ARGV[6]), ARGV[7] == "1", tonumber(ARGV[8])
local function text(n) return string.format("%.0f", n) end
local first, full = now, false
if most > 0 then
	redis.call("ZREMRANGEBYSCORE", KEYS[1], "-inf", text(now))
	if redis.call("ZCARD", KEYS[1]) >= most and not redis.call("ZSCORE", KEYS[1], run) then full = true end
end
local next = now
if interval > 0 then
	next = math.max(tonumber(redis.call("HGET", KEYS[2], "next") or "0"), now)
	first = math.max(now, next - interval * (burst - 1))
end
if not full and first <= now then
	if most > 0 then
		redis.call("ZADD", KEYS[1], text(now + lease), run)
		redis.call("PEXPIRE", KEYS[1], text(lease / 1000 + 1000))
	end
	if interval > 0 then
		redis.call("HSET", KEYS[2], "next", text(next + interval))
		redis.call("PEXPIRE", KEYS[2], ARGV[9])
	end
	return {0, 0}
end
if book then
	local booked = math.max(tonumber(redis.call("HGET", KEYS[2], "booked") or "0"), first)
	if booked > now + 60000000 then
		first = now + 30000000 + random * 30000000
	else
		first = booked
		redis.call("HSET", KEYS[2], "booked", text(booked + math.max(interval, spacing)))
		redis.call("PEXPIRE", KEYS[2], ARGV[9])
	end
end
return {math.max(first - now, 1), full and 1 or 0}`

// errAnswer marks an answer of a script that is not of the form it has.
var errAnswer = errors.New("redis gave an unexpected answer")

// TakePlace gives a run a place among the calls to its host that are under way,
// over all workers, or says how long to wait until there may be one, and whether
// that is because all places are taken.
func (b *Broker) TakePlace(ctx context.Context, p *job.Place) (wait time.Duration, full bool, err error) {
	interval, burst := 0.0, 1.0
	if p.Limits.PerHostRate > 0 {
		interval, burst = 1e6/p.Limits.PerHostRate, math.Max(1, math.Floor(p.Limits.PerHostRate))
	}
	book := 0
	if p.Book {
		book = 1
	}
	answer, err := b.place.Run(ctx, b.client, []string{b.key(keyPlaces) + p.Host, b.key(keyPace) + p.Host},
		p.Limits.PerHostConcurrency, p.Lease.Microseconds(), p.RunID, interval, burst,
		p.Spacing.Microseconds(), book, rand.Float64(), paceTTL.Milliseconds()).Int64Slice()
	if err != nil || len(answer) != 2 {
		return 0, false, unavailable(cmp.Or(err, errAnswer))
	}
	return time.Duration(answer[0]) * time.Microsecond, answer[1] == 1, nil
}

// GivePlace ends a place, as far as that goes: it expires anyhow.
func (b *Broker) GivePlace(ctx context.Context, host, runID string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveLast)
	defer cancel()
	_ = b.client.ZRem(ctx, b.key(keyPlaces)+host, runID).Err()
}
