import { describe, expect, it } from 'vitest';
import { axisTicks, type Bucket, layoutBars, mergeBuckets, peakOf, total, windowAround, zooms } from './horizon';

const bucket = (at: number, counts: Partial<Bucket> = {}): Bucket => ({ at, succeeded: 0, failed: 0, skipped: 0, missed: 0, planned: 0, ...counts });
const minute = 60_000;

describe('windowAround', () => {
  it('lies on the grid of its buckets, which are whole minutes, and holds now', () => {
    const now = Date.UTC(2026, 10, 24, 6, 22, 33);
    for (const zoom of Object.keys(zooms) as (keyof typeof zooms)[]) {
      const { from, to, buckets } = windowAround(now, zoom);
      const step = (to - from) / buckets;
      expect(step % minute).toBe(0);
      expect(from % step).toBe(0);
      expect(from).toBeLessThan(now);
      expect(to).toBeGreaterThan(now);
    }
  });
  it('stays where it is within a step', () => {
    const at = Date.UTC(2026, 10, 24, 6, 20);
    expect(windowAround(at, '24h')).toEqual(windowAround(at + 4 * minute, '24h'));
    expect(windowAround(at, '24h')).not.toEqual(windowAround(at + 5 * minute, '24h'));
  });
});

describe('mergeBuckets', () => {
  const list = Array.from({ length: 288 }, (_, i) => bucket(i, { succeeded: 1, failed: i % 2, planned: 2 }));
  it('leaves buckets that are wide enough', () => {
    expect(mergeBuckets(list, 288 * 3)).toEqual(list);
  });
  it('loses nothing, and makes none narrower than asked for', () => {
    for (const width of [1, 100, 287, 350, 863]) {
      const merged = mergeBuckets(list, width);
      const sum = (of: readonly Bucket[]): number => of.reduce((n, b) => n + total(b), 0);
      expect(sum(merged)).toBe(sum(list));
      expect(width / merged.length >= 3 || merged.length === 1).toBe(true);
      expect(merged[0]?.at).toBe(0);
    }
  });
  it('takes an unmeasured strip and an empty list', () => {
    expect(mergeBuckets(list, 0)).toEqual([]);
    expect(mergeBuckets([], 100)).toEqual([]);
  });
});

describe('layoutBars', () => {
  it('fills the height with the fullest and shows the smallest', () => {
    const [full, small, none] = layoutBars([bucket(0, { planned: 10_000 }), bucket(1, { failed: 1 }), bucket(2)], 300, 80);
    expect(full?.planned).toBe(80);
    expect(small?.failed).toBeGreaterThanOrEqual(3);
    expect(none).toMatchObject({ ok: 0, lost: 0, failed: 0, planned: 0 });
  });
  it('keeps bars apart and within the strip', () => {
    const bars = layoutBars(Array.from({ length: 100 }, (_, i) => bucket(i, { succeeded: i })), 400, 80);
    bars.forEach((bar, i) => expect(bar.x + bar.width).toBeLessThanOrEqual(bars[i + 1]?.x ?? 400));
  });
});

describe('peakOf', () => {
  it('finds what stands out', () => {
    const list = [bucket(0, { planned: 5 }), bucket(1, { planned: 266 }), bucket(2, { planned: 4 })];
    expect(peakOf(list)?.at).toBe(1);
  });
  it('has none where all are alike, single, or past', () => {
    expect(peakOf([bucket(0, { planned: 5 }), bucket(1, { planned: 5 }), bucket(2, { planned: 5 })])).toBeNull();
    expect(peakOf([bucket(0, { planned: 1 })])).toBeNull();
    expect(peakOf([bucket(0, { succeeded: 500 })])).toBeNull();
  });
});

describe('axisTicks', () => {
  it('falls on round times of the zone, far enough apart', () => {
    const from = Date.UTC(2026, 10, 24, 3, 47);
    const half = 5.5 * 3_600_000;
    const ticks = axisTicks(from, from + 24 * 3_600_000, 1000, half);
    expect(ticks.length).toBeGreaterThan(4);
    for (const tick of ticks) expect((tick + half) % 3_600_000).toBe(0);
    const gap = (((ticks[1] ?? 0) - (ticks[0] ?? 0)) / (24 * 3_600_000)) * 1000;
    expect(gap).toBeGreaterThanOrEqual(72);
  });
});
