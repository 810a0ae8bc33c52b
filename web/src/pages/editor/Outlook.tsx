import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useEffect, useMemo } from 'react';
import { api, type Occurrence, unwrap } from '../../api/client';
import { previewQuery } from '../../api/queries';
import { Glyph } from '../../components/icons';
import { Warning, Warnings } from '../../components/Warnings';
import { type Translate, useI18n } from '../../i18n';
import { now, useNow } from '../../lib/clock';
import { countdown } from '../../lib/duration';
import { clock, nearTime } from '../../lib/time';
import { type Peak, peakAmong } from '../../lib/peak';
import { useDebounced } from '../../lib/useDebounced';
import { type Draft, toSchedule } from './draft';
import { byField, type Faults } from './faults';

const pause = 80;
const count = 10;
const day = 86_400_000;
const none: Faults = {};

/** Beside the form: what the schedule means, when it fires next, and what to beware of. */
export function Outlook({ draft, onFaults }: { draft: Draft; onFaults: (faults: Faults) => void }) {
  const { t, language } = useI18n();
  const schedule = useMemo(() => toSchedule(draft.schedule, draft.base.schedule), [draft.schedule, draft.base.schedule]);
  const settled = useDebounced(schedule, pause);
  const { data, error } = useQuery({ ...previewQuery(settled, count), placeholderData: keepPreviousData });
  const faults = data && !data.valid ? data.errors : undefined;
  useEffect(() => onFaults(faults ? byField(faults, t) : none), [faults, onFaults, t]);
  const valid = data?.valid ? data : undefined;
  const peak = usePeak(valid?.next);
  return (
    <aside className="outlook card" aria-label={t('editor.outlook')}>
      <h2>{t('editor.outlook')}</h2>
      <div aria-live="polite">
        {valid && <p className="outlook-words">{language === 'en' ? valid.description.en : valid.description.zh}</p>}
        {faults && (
          <ul className="outlook-faults">
            {faults.map((fault) => (
              <li key={fault.field + fault.message}>
                <Glyph name="cross" width="14" height="14" />
                <span>
                  <b className="mono">{fault.field.replace(/^schedule\./, '')}</b> {fault.message}
                </span>
              </li>
            ))}
          </ul>
        )}
        {error && <p className="field-error">{t('error.preview')}</p>}
        {valid && (valid.warnings.length > 0 || peak) && <Warnings warnings={valid.warnings}>{peak && <PeakWarning peak={peak} />}</Warnings>}
      </div>
      {valid && <NextRuns next={valid.next} past={valid.warnings.some((warning) => warning.code === 'date_in_past')} />}
    </aside>
  );
}

function PeakWarning({ peak }: { peak: Peak }) {
  const { t, locale } = useI18n();
  return <Warning text={t('editor.peak', { n: peak.count, time: clock(peak.at, locale, false) })} />;
}

/** The coming day's busiest moment that the schedule falls into. */
function usePeak(next: readonly Occurrence[] | undefined): Peak | null {
  const { data } = useQuery({
    queryKey: ['timeline', 'ahead'],
    staleTime: 60_000,
    queryFn: async () => {
      const from = Math.floor(now() / 300_000) * 300_000;
      const query = { from: new Date(from).toISOString(), to: new Date(from + day).toISOString(), buckets: 288 };
      const { buckets } = await unwrap(api.GET('/api/v1/timeline', { params: { query } }));
      return buckets.map((b) => ({ ...b, at: Date.parse(b.at) }));
    },
  });
  return useMemo(() => (next && data ? peakAmong(next.map((n) => Date.parse(n.at)), data) : null), [next, data]);
}

function NextRuns({ next, past }: { next: readonly Occurrence[]; past: boolean }) {
  const { t } = useI18n();
  const moment = useNow();
  return (
    <>
      <h3>{t('editor.next', { n: next.length })}</h3>
      <ol className="next-runs">
        {next.map((occurrence, i) => (
          <li key={occurrence.at}>
            <span className="num soft">{i + 1}</span>
            <Local local={occurrence.local} />
            <span className="num soft next-in">{i === 0 ? t('time.in', { time: countdown(Date.parse(occurrence.at) - moment) }) : ''}</span>
            {occurrence.note && <span className="next-note">{noteText(t, occurrence.note)}</span>}
            {occurrence.moved_from && <span className="next-note">{t('note.moved', { day: occurrence.moved_from })}</span>}
          </li>
        ))}
        {next.length === 0 && <li className="soft">{t(past ? 'editor.past' : 'editor.never')}</li>}
      </ol>
    </>
  );
}

/** What there is to say of an occurrence. A name follows the colon of what a calendar says. */
function noteText(t: Translate, note: string): string {
  const [kind, name] = [note.replace(/:.*$/s, ''), note.replace(/^[^:]*:?/s, '')];
  switch (kind) {
    case 'dst_gap':
    case 'dst_fold':
      return t(`note.${kind}`);
    case 'holiday':
    case 'workday':
      return t(`note.${kind}`, { name });
    default:
      return note;
  }
}

/** The wall clock of the schedule's own zone, as the server wrote it. */
function Local({ local }: { local: string }) {
  const { locale } = useI18n();
  const match = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)$/.exec(local);
  if (!match) return <span className="num">{nearTime(Date.parse(local), now(), locale)}</span>;
  const [, date, time, offset] = match;
  return (
    <time dateTime={local} className="mono num">
      {weekdayOf(date ?? '', locale.language)} {date} <b>{time}</b> <span className="soft">{offset === 'Z' ? '+00:00' : offset}</span>
    </time>
  );
}

function weekdayOf(date: string, language: string): string {
  return new Intl.DateTimeFormat(language, { weekday: 'short', timeZone: 'UTC' }).format(Date.parse(date));
}
