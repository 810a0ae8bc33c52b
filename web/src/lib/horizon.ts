/** What happened, or is planned, in one stretch of time. */
export interface Bucket {
  /** Start, in ms since 1970. */
  at: number;
  succeeded: number;
  failed: number;
  skipped: number;
  missed: number;
  planned: number;
}

export type Zoom = '1h' | '6h' | '24h' | '7d';

const minute = 60_000;

/** The strip's whole length and the length of a bucket, by zoom. The server counts the past by the minute. */
export const zooms: Record<Zoom, { span: number; step: number }> = {
  '1h': { span: 60 * minute, step: minute },
  '6h': { span: 360 * minute, step: 2 * minute },
  '24h': { span: 1440 * minute, step: 5 * minute },
  '7d': { span: 7 * 1440 * minute, step: 30 * minute },
};

/** The window around now, on the grid of its buckets, so that bars do not wander as time goes on. */
export function windowAround(now: number, zoom: Zoom): { from: number; to: number; buckets: number } {
  const { span, step } = zooms[zoom];
  const from = Math.floor((now - span / 2) / step) * step;
  return { from, to: from + span, buckets: span / step };
}

/** Merges neighbours until a bucket is at least minWidth wide on a strip of that width. */
export function mergeBuckets(buckets: readonly Bucket[], width: number, minWidth = 3): Bucket[] {
  if (buckets.length === 0 || width <= 0) return [];
  const group = Math.max(1, Math.ceil((minWidth * buckets.length) / width));
  if (group === 1) return [...buckets];
  const merged: Bucket[] = [];
  for (let i = 0; i < buckets.length; i += group) merged.push(sum(buckets.slice(i, i + group)));
  return merged;
}

function sum(buckets: readonly Bucket[]): Bucket {
  const all: Bucket = { at: buckets[0]?.at ?? 0, succeeded: 0, failed: 0, skipped: 0, missed: 0, planned: 0 };
  for (const b of buckets) {
    all.succeeded += b.succeeded;
    all.failed += b.failed;
    all.skipped += b.skipped;
    all.missed += b.missed;
    all.planned += b.planned;
  }
  return all;
}

/** All occurrences of a bucket. */
export function total(b: Bucket): number {
  return b.succeeded + b.failed + b.skipped + b.missed + b.planned;
}

/** What did not run as it should. */
export function lost(b: Bucket): number {
  return b.skipped + b.missed;
}

/** How much more than usual a peak has. */
const standsOut = 1.1;

/** The bucket with most planned occurrences, if it stands out among those that have any. */
export function peakOf(buckets: readonly Bucket[]): Bucket | null {
  const planned = buckets.filter((b) => b.planned > 0);
  const sorted = planned.map((b) => b.planned).toSorted((a, b) => a - b);
  const usual = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const most = sorted.at(-1) ?? 0;
  return most > 1 && most > usual * standsOut ? (planned.find((b) => b.planned === most) ?? null) : null;
}

/** One bar of the strip, in px from the top left. */
export interface Bar {
  x: number;
  width: number;
  /** Heights from the bottom up: what went well, what was left out, what failed, what is to come. */
  ok: number;
  lost: number;
  failed: number;
  planned: number;
}

/**
 * Bars for buckets on a strip. The height grows with the square root of the
 * count, so that a single run beside a pile-up can still be seen; what there
 * is at all is at least 2 px high.
 */
export function layoutBars(buckets: readonly Bucket[], width: number, height: number): Bar[] {
  const most = Math.max(1, ...buckets.map(total));
  const pitch = width / Math.max(1, buckets.length);
  const gap = pitch >= 4 ? 1 : 0.5;
  return buckets.map((b, i) => {
    const all = total(b);
    const whole = all === 0 ? 0 : Math.max(3, Math.sqrt(all / most) * height);
    const share = (n: number): number => (n === 0 ? 0 : Math.max(2, (whole * n) / all));
    return {
      x: i * pitch,
      width: pitch - gap,
      ok: share(b.succeeded),
      lost: share(lost(b)),
      failed: share(b.failed),
      planned: share(b.planned),
    };
  });
}

const tickSteps = [5, 10, 15, 30, 60, 120, 180, 360, 720, 1440].map((m) => m * minute);

/**
 * Moments for the axis: at least minGap px apart, on round wall-clock times of
 * a zone that is offset ms ahead of UTC.
 */
export function axisTicks(from: number, to: number, width: number, offset: number, minGap = 72): number[] {
  const most = Math.max(1, Math.floor(width / minGap));
  const step = tickSteps.find((s) => (to - from) / s <= most) ?? 2880 * minute;
  const ticks: number[] = [];
  for (let at = Math.ceil((from + offset) / step) * step - offset; at < to; at += step) ticks.push(at);
  return ticks;
}
