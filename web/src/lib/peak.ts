import { type Bucket, total } from './horizon';

/** How much a moment must stand out to be called a peak: so many calls at least, and so many times the usual. */
const least = 20;
const times = 4;

export interface Peak {
  /** Where the bucket begins, in ms since 1970. */
  at: number;
  count: number;
}

/** The highest peak among the buckets that the moments fall into; null when none stands out. */
export function peakAmong(moments: readonly number[], buckets: readonly Bucket[]): Peak | null {
  const first = buckets[0];
  const second = buckets[1];
  if (!first || !second) return null;
  const step = second.at - first.at;
  const sorted = buckets.map(total).toSorted((a, b) => a - b);
  const usual = sorted[Math.floor(sorted.length / 2)] ?? 0;
  let peak: Peak | null = null;
  for (const moment of moments) {
    const bucket = buckets[Math.floor((moment - first.at) / step)];
    const count = bucket?.planned ?? 0;
    if (bucket && count >= least && count >= usual * times && count > (peak?.count ?? 0)) peak = { at: bucket.at, count };
  }
  return peak;
}
