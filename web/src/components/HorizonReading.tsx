import { type Translate, useI18n } from '../i18n';
import { useNow } from '../lib/clock';
import { type Bucket, lost, total } from '../lib/horizon';
import { clock, type Locale, nearTime } from '../lib/time';

/** A bucket as one line, for those who do not see it. */
export function bucketText(b: Bucket, until: number, t: Translate, locale: Locale): string {
  const parts = [`${nearTime(b.at, b.at, locale)} – ${clock(until, locale)}`];
  if (b.succeeded > 0) parts.push(`${b.succeeded} ${t('state.succeeded')}`);
  if (b.failed > 0) parts.push(`${b.failed} ${t('state.failed')}`);
  if (lost(b) > 0) parts.push(`${lost(b)} ${t('horizon.lost')}`);
  if (b.planned > 0) parts.push(`${b.planned} ${t('horizon.planned')}`);
  if (total(b) === 0) parts.push(t('horizon.nothing'));
  return parts.join(', ');
}

/** What a bucket holds, beside it. */
export function HorizonReading({ bucket, until, x, width }: { bucket: Bucket; until: number; x: number; width: number }) {
  const { t, locale } = useI18n();
  const now = useNow();
  const rows = [
    ['ok', t('horizon.ran'), bucket.succeeded],
    ['failed', t('state.failed'), bucket.failed],
    ['lost', t('horizon.lost'), lost(bucket)],
    ['planned', t('horizon.planned'), bucket.planned],
  ] as const;
  const boxWidth = 176;
  const left = Math.max(0, Math.min(width - boxWidth, x > width / 2 ? x - boxWidth - 10 : x + 10));
  return (
    <div className="reading" style={{ left, width: boxWidth }} aria-hidden="true">
      <strong className="num">
        {nearTime(bucket.at, now, locale)} – {clock(until, locale)}
      </strong>
      {total(bucket) === 0 && <span className="soft">{t('horizon.nothing')}</span>}
      {rows
        .filter(([, , n]) => n > 0)
        .map(([kind, label, n]) => (
          <span key={kind} className={`reading-row legend-${kind}`}>
            {label} <b className="num">{n}</b>
          </span>
        ))}
    </div>
  );
}
