import 'uplot/dist/uPlot.min.css';
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import { useI18n } from '../../i18n';
import { took } from '../../lib/duration';
import type { LatencySeries } from '../../lib/latency';
import { useSettings } from '../../lib/settings';
import { clock, type Locale, nearTime } from '../../lib/time';

const height = 128;

/** The chart of p50 and p95, in the colours of the page. */
export default function LatencyChart({ series }: { series: LatencySeries }) {
  const { locale } = useI18n();
  const { theme } = useSettings();
  const frame = useRef<HTMLDivElement>(null);
  const latest = useRef(series);
  const plot = useRef<uPlot | null>(null);

  useEffect(() => {
    const element = frame.current;
    if (!element) return;
    const chart = new uPlot(options(element.clientWidth, locale, getComputedStyle(element)), columns(latest.current), element);
    plot.current = chart;
    const observer = new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      chart.destroy();
      plot.current = null;
    };
    // The colours are read anew when the theme changes.
  }, [locale, theme]);
  useEffect(() => {
    latest.current = series;
    plot.current?.setData(columns(series));
  }, [series]);
  return <div ref={frame} className="chart" aria-hidden="true" />;
}

function columns({ at, p50, p95 }: LatencySeries): uPlot.AlignedData {
  return [at, p50, p95];
}

function options(width: number, locale: Locale, style: CSSStyleDeclaration): uPlot.Options {
  const color = (name: string): string => style.getPropertyValue(name).trim();
  const axis = { stroke: color('--ink-3'), grid: { stroke: color('--line'), width: 1 }, ticks: { show: false }, font: `11px ${style.fontFamily}` };
  const line = { width: 1.5, points: { show: false }, value: (_: uPlot, ms: number | null) => (ms === null ? '–' : took(ms)) };
  return {
    width,
    height,
    padding: [8, 4, 0, 0],
    cursor: { y: false, points: { size: 5 } },
    legend: { show: false },
    scales: { x: { time: true }, y: { range: (_, __, most) => [0, Math.max(1, most * 1.1)] } },
    axes: [
      { ...axis, values: (_, ticks) => ticks.map((s) => shortTime(s * 1000, ticks, locale)), space: 80, size: 26 },
      { ...axis, size: 64, values: (_, ticks) => ticks.map((ms) => took(ms)), space: 34 },
    ],
    series: [{}, { ...line, label: 'p50', stroke: color('--ink-2') }, { ...line, label: 'p95', stroke: color('--run'), dash: [4, 3] }],
  };
}

function shortTime(at: number, ticks: readonly number[], locale: Locale): string {
  const close = (ticks[1] ?? 0) - (ticks[0] ?? 0) < 60;
  return close ? clock(at, locale) : nearTime(at, Date.now(), locale).replace(/:00$/, '');
}
