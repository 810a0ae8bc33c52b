import { useI18n } from '../i18n';
import { useNow } from '../lib/clock';
import { countdown } from '../lib/duration';
import { dateTime, nearTime, offsetOf } from '../lib/time';

/** A moment as a clock, or day and clock; the whole of it as a title. */
export function Moment({ at }: { at: string }) {
  const { locale } = useI18n();
  const now = useNow();
  const ms = Date.parse(at);
  return (
    <time dateTime={at} title={`${dateTime(ms, locale)} ${offsetOf(ms, locale)}`} className="num">
      {nearTime(ms, now, locale)}
    </time>
  );
}

/** Date and time with the zone's offset, for pages of one thing. */
export function FullMoment({ at }: { at: string }) {
  const { locale } = useI18n();
  const ms = Date.parse(at);
  return (
    <time dateTime={at} className="num">
      {dateTime(ms, locale)} <span className="soft">{offsetOf(ms, locale)}</span>
    </time>
  );
}

/** How long until then: `8h 25m`. */
export function Countdown({ at }: { at: string }) {
  const { t } = useI18n();
  const left = Date.parse(at) - useNow();
  return <span className="num">{left <= 0 ? t('time.due') : countdown(left)}</span>;
}

/** How long ago that was. */
export function Ago({ at }: { at: string }) {
  const { t } = useI18n();
  const past = useNow() - Date.parse(at);
  return <span className="num">{past < 1000 ? t('time.justNow') : t('time.ago', { time: countdown(past) })}</span>;
}
