import { type KeyboardEvent, type PointerEvent, useCallback, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { useI18n } from '../i18n';
import { useNow } from '../lib/clock';
import { axisTicks, type Bucket, layoutBars, mergeBuckets, peakOf, total, type Zoom, zooms } from '../lib/horizon';
import { compact } from '../lib/number';
import { clock, nearTime, offsetOf, weekday } from '../lib/time';
import { bucketText, HorizonReading } from './HorizonReading';
import { HorizonBars } from './HorizonBars';
import { Segmented } from './Segmented';

interface Props {
  buckets: readonly Bucket[] | undefined;
  from: number;
  to: number;
  zoom: Zoom;
  onZoom: (zoom: Zoom) => void;
  /** A stretch of the strip was clicked or brushed, in ms since 1970. */
  onPick?: (from: number, to: number) => void;
  height?: number;
  title?: string;
}

const axis = 22;
const head = 18;
const labels: Record<Zoom, '1 h' | '6 h' | '24 h' | '7 d'> = { '1h': '1 h', '6h': '6 h', '24h': '24 h', '7d': '7 d' };

/** Past and future on one axis: solid bars for what was, hollow ones for what is to come, and now between them. */
export function Horizon({ buckets, from, to, zoom, onZoom, onPick, height = 76, title }: Props) {
  const { t, locale } = useI18n();
  const now = useNow();
  const [width, frame] = useWidth();
  const [at, setAt] = useState<number | null>(null);
  const [brush, setBrush] = useState<number | null>(null);
  const merged = useMemo(() => mergeBuckets(buckets ?? [], width), [buckets, width]);
  const bars = useMemo(() => layoutBars(merged, width, height), [merged, width, height]);
  const peak = useMemo(() => peakOf(merged), [merged]);
  const x = (moment: number): number => ((moment - from) / (to - from)) * width;
  const step = merged.length > 0 ? (to - from) / merged.length : 1;
  const read = at === null ? undefined : merged[at];

  const indexAt = (event: PointerEvent<HTMLElement>): number => {
    const box = event.currentTarget.getBoundingClientRect();
    const i = Math.floor(((event.clientX - box.left) / box.width) * merged.length);
    return Math.max(0, Math.min(merged.length - 1, i));
  };
  const pick = (a: number, b: number): void => {
    const first = merged[Math.min(a, b)];
    const last = merged[Math.max(a, b)];
    if (first && last) onPick?.(first.at, last.at + step);
  };
  const keys = (event: KeyboardEvent<HTMLElement>): void => {
    const here = at ?? Math.floor(merged.length / 2);
    const next = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: merged.length - 1, PageDown: here + 12, PageUp: here - 12 }[event.key];
    if (next !== undefined) {
      event.preventDefault();
      setAt(Math.max(0, Math.min(merged.length - 1, next)));
    } else if (event.key === 'Enter' && at !== null) pick(at, at);
    else if (event.key === 'Escape') setAt(null);
  };

  const offset = Date.parse(`1970-01-01T00:00:00${offsetOf(now, locale)}`);
  return (
    <section className="horizon card" aria-label={title ?? t('horizon.title')}>
      <header>
        <h2>{title ?? t('horizon.title')}</h2>
        <span className="horizon-legend">
          <span className="legend-ok">{t('horizon.ran')}</span>
          <span className="legend-failed">{t('state.failed')}</span>
          <span className="legend-planned">{t('horizon.planned')}</span>
        </span>
        <Segmented
          label={t('horizon.zoom')}
          value={zoom}
          options={(Object.keys(zooms) as Zoom[]).map((z) => ({ value: z, label: labels[z] }))}
          onChange={onZoom}
        />
      </header>
      <div
        ref={frame}
        className="horizon-strip"
        role="slider"
        tabIndex={0}
        aria-label={t('horizon.strip', { span: labels[zoom] })}
        aria-valuemin={0}
        aria-valuemax={Math.max(0, merged.length - 1)}
        aria-valuenow={at ?? Math.floor(merged.length / 2)}
        aria-valuetext={read ? bucketText(read, read.at + step, t, locale) : t('horizon.now')}
        onKeyDown={keys}
        onPointerMove={(event) => setAt(indexAt(event))}
        onPointerLeave={() => brush === null && setAt(null)}
        onPointerDown={(event) => {
          if (event.button !== 0) return;
          event.currentTarget.setPointerCapture(event.pointerId);
          setBrush(indexAt(event));
        }}
        onPointerUp={(event) => {
          if (brush !== null) pick(brush, indexAt(event));
          setBrush(null);
        }}
        onPointerCancel={() => setBrush(null)}
        onBlur={() => setAt(null)}
      >
        <svg width={width} height={head + height + axis} aria-hidden="true">
          {axisTicks(from, to, width, offset).map((tick) => (
            <g key={tick}>
              <line className="tick" x1={x(tick)} x2={x(tick)} y1={head - 6} y2={head + height} />
              <text className="tick-label" x={x(tick)} y={head + height + axis - 5} textAnchor={x(tick) < 24 ? 'start' : x(tick) > width - 24 ? 'end' : 'middle'}>
                {zoom === '7d' ? weekday(tick, locale) : clock(tick, locale, false)}
              </text>
            </g>
          ))}
          {brush !== null && at !== null && (
            <rect className="brush" x={(Math.min(brush, at) * width) / merged.length} y={head - 6} height={height + 6} width={((Math.abs(brush - at) + 1) * width) / merged.length} />
          )}
          {at !== null && brush === null && <rect className="hover" x={(at * width) / merged.length} y={head - 6} height={height + 6} width={width / merged.length} />}
          <HorizonBars bars={bars} top={head} height={height} />
          <g className="now" transform={`translate(${x(now)} 0)`}>
            <line y1={head - 8} y2={head + height} />
            <circle cy={head - 9} r="3.5" />
          </g>
          {peak && peak.at > now && (
            <text
              className="peak"
              x={Math.max(44, Math.min(width - 44, x(peak.at + step / 2)))}
              y={11}
              textAnchor="middle"
            >
              ▲ {compact(peak.planned)} @ {nearTime(peak.at, now, locale).replace(/:00$/, '')}
            </text>
          )}
        </svg>
        {read && at !== null && <HorizonReading bucket={read} until={read.at + step} x={((at + 0.5) * width) / merged.length} width={width} />}
        {buckets && merged.every((b) => total(b) === 0) && <p className="horizon-empty">{t('horizon.empty')}</p>}
      </div>
    </section>
  );
}

/** The width of an element, and the ref that measures it. */
function useWidth(): [number, (element: HTMLElement | null) => void] {
  const [width, setWidth] = useState(0);
  const observer = useRef<ResizeObserver | null>(null);
  const ref = useCallback((element: HTMLElement | null) => {
    observer.current?.disconnect();
    if (!element) return;
    setWidth(element.clientWidth);
    observer.current = new ResizeObserver(([entry]) => entry && setWidth(Math.floor(entry.contentRect.width)));
    observer.current.observe(element);
  }, []);
  useLayoutEffect(() => () => observer.current?.disconnect(), []);
  return [width, ref];
}
