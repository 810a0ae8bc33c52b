import { memo } from 'react';
import type { Bar } from '../lib/horizon';

/** The bars, a path for each kind: hundreds of elements would be slow to change. */
export const HorizonBars = memo(function HorizonBars({ bars, top, height }: { bars: readonly Bar[]; top: number; height: number }) {
  const base = top + height;
  let ok = '';
  let lost = '';
  let failed = '';
  let planned = '';
  let marks = '';
  for (const bar of bars) {
    let y = base;
    const solid = (h: number): string => {
      if (h === 0) return '';
      y -= h;
      return box(bar.x, y, bar.width, h);
    };
    ok += solid(bar.ok);
    lost += solid(bar.lost);
    failed += solid(bar.failed);
    if (bar.planned > 0) {
      // Hollow where there is room for two edges and something between.
      y -= bar.planned;
      planned += bar.width < 2.5 ? box(bar.x, y, bar.width, bar.planned) : box(bar.x + 0.5, y + 0.5, bar.width - 1, bar.planned - 0.5);
    }
    if (bar.failed > 0) {
      const middle = bar.x + bar.width / 2;
      marks += `M${middle - 2.5} ${base + 6}l2.5-4 2.5 4z`;
    }
  }
  const narrow = (bars[0]?.width ?? 0) < 2.5;
  return (
    <>
      <path className="bar-ok" d={ok} />
      <path className="bar-lost" d={lost} />
      <path className="bar-failed" d={failed} />
      <path className={narrow ? 'bar-planned narrow' : 'bar-planned'} d={planned} />
      <path className="bar-failed" d={marks} />
    </>
  );
});

function box(x: number, y: number, width: number, height: number): string {
  return `M${round(x)} ${round(y)}h${round(width)}v${round(height)}h${round(-width)}z`;
}

function round(n: number): number {
  return Math.round(n * 100) / 100;
}
