import { describe, expect, it } from 'vitest';
import { barcode, stripes } from './barcode';

const run = (id: string, state: string, duration_ms: number | null = 10) => ({ id, state, duration_ms });

describe('barcode', () => {
  it('shows the newest last, at most 24', () => {
    const runs = Array.from({ length: 30 }, (_, i) => run(String(i), 'succeeded'));
    const list = barcode(runs);
    expect(list).toHaveLength(stripes);
    expect(list.at(-1)?.id).toBe('0');
    expect(list[0]?.id).toBe('23');
  });
  it('gives a failure the full height, whatever it took', () => {
    const [slow, quick] = barcode([run('a', 'failed', 1), run('b', 'succeeded', 5000)]);
    expect(quick).toMatchObject({ kind: 'failed', height: 1 });
    expect(slow?.height).toBeLessThan(1);
  });
  it('makes longer runs higher, and hides none', () => {
    const heights = barcode([run('c', 'succeeded', 1000), run('b', 'succeeded', 100), run('a', 'succeeded', 0)]).map((s) => s.height);
    expect(heights[0]).toBeGreaterThan(0.3);
    expect(heights).toEqual(heights.toSorted((a, b) => a - b));
    expect(new Set(heights).size).toBe(3);
  });
  it('tells what was left out and what is open', () => {
    expect(barcode(['queued', 'missed', 'skipped', 'canceled', 'retrying'].map((s) => run(s, s, null))).map((s) => s.kind)).toEqual([
      'open',
      'lost',
      'lost',
      'lost',
      'open',
    ]);
    expect(barcode([])).toEqual([]);
  });
});
