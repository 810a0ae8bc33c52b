import { memo } from 'react';
import { useI18n } from '../i18n';
import { barcode, type BarcodeRun, stripes } from '../lib/barcode';

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
      {Array.from({ length: first }, (_, i) => (
        <rect key={`none-${i}`} className="stripe-none" x={i * pitch} y={height - 2} width={width} height={2} />
      ))}
      {list.map((stripe, i) => {
        const x = (first + i) * pitch;
        const h = Math.max(2, stripe.height * height);
        return (
          <g key={stripe.id} className={`stripe-${stripe.kind}`}>
            <rect x={x} y={height - h} width={width} height={h} rx="1" />
            {stripe.kind === 'failed' && <path d={`M${x} ${height + 5}l${width / 2}-3 ${width / 2} 3z`} />}
          </g>
        );
      })}
    </svg>
  );
});
