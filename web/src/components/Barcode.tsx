import { memo } from 'react';
import { useI18n } from '../i18n';
import { barcode, type BarcodeRun, type Stripe, stripes } from '../lib/barcode';

const pitch = 7;
const width = 5;
const height = 22;

/** The last runs in a row: height is duration, a failure is full height with a notch below. */
export const Barcode = memo(function Barcode({ runs }: { runs: readonly BarcodeRun[] }) {
  const { t } = useI18n();
  const list = barcode(runs);
  const first = stripes - list.length;
  const failed = list.filter((s) => s.kind === 'failed').length;
  return (
    <svg
      className="barcode"
      viewBox={`0 0 ${stripes * pitch - (pitch - width)} ${height + 5}`}
      width={stripes * pitch - (pitch - width)}
      height={height + 5}
      role="img"
      aria-label={t('barcode.label', { n: list.length, failed })}
    >
      {Object.entries(paths(list, first)).map(([kind, d]) => d && <path key={kind} className={`stripe-${kind}`} d={d} />)}
    </svg>
  );
});

type Kind = Stripe['kind'] | 'none';

/** A path for each kind of stripe: rows of them are made anew while one looks, and should be light. */
function paths(list: readonly Stripe[], first: number): Record<Kind, string> {
  const d: Record<Kind, string> = { none: '', ok: '', lost: '', open: '', failed: '' };
  const bar = (i: number, h: number): string => `M${i * pitch} ${height - h}h${width}v${h}h${-width}z`;
  for (let i = 0; i < first; i++) d.none += bar(i, 2);
  list.forEach((stripe, i) => {
    const at = first + i;
    d[stripe.kind] += bar(at, Math.round(Math.max(2, stripe.height * height)));
    if (stripe.kind === 'failed') d.failed += `M${at * pitch} ${height + 5}l${width / 2}-3 ${width / 2} 3z`;
  });
  return d;
}
