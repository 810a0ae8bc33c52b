import { quantile } from './number';

interface TimedRun {
  scheduled_at: string;
  duration_ms: number | null;
}

/** Columns for the chart: seconds since 1970, and the quantiles of the calls around them, in ms. */
export interface LatencySeries {
  at: number[];
  p50: (number | null)[];
  p95: (number | null)[];
}

/**
 * p50 and p95 over time: runs are taken in at most `points` groups of equal
 * number, so that busy and quiet hours are equally well told.
 */
export function latencySeries(newestFirst: readonly TimedRun[], points = 48): LatencySeries {
  const runs = newestFirst.filter((run) => run.duration_ms !== null).toReversed();
  const size = Math.max(1, Math.ceil(runs.length / points));
  const series: LatencySeries = { at: [], p50: [], p95: [] };
  for (let i = 0; i < runs.length; i += size) {
    const group = runs.slice(i, i + size);
    const durations = group.map((run) => run.duration_ms ?? 0).toSorted((a, b) => a - b);
    series.at.push(Date.parse(group.at(-1)?.scheduled_at ?? '') / 1000);
    series.p50.push(quantile(durations, 0.5));
    series.p95.push(quantile(durations, 0.95));
  }
  return series;
}
