import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, type Job, unwrap } from '../../api/client';
import { ApiError } from '../../api/errors';
import { queries } from '../../api/queries';
import { Confirm } from '../../components/Confirm';
import { Field } from '../../components/Field';
import { toast } from '../../components/Toasts';
import { useI18n } from '../../i18n';
import { errorText } from '../../i18n/words';
import { now } from '../../lib/clock';
import { count as number } from '../../lib/number';
import { fromLocalInput, toLocalInput } from '../../lib/time';
import { useDebounced } from '../../lib/useDebounced';

const day = 86_400_000;
const pause = 200;

/** Starts the runs of a stretch, "from to", or only counts them. */
function backfill(id: string, span: string, dry_run: boolean) {
  const [start = '', end = ''] = span.split(' ');
  return unwrap(api.POST('/api/v1/jobs/{id}/backfill', { params: { path: { id } }, body: { start, end, dry_run } }));
}

/** Runs what a job's schedule names for a stretch of the past. Says how many that are before it does. */
export function Backfill({ job, onClose }: { job: Job; onClose: () => void }) {
  const { t, locale, language } = useI18n();
  const zone = locale.timeZone;
  const [start, setStart] = useState(() => toLocalInput(now() - day, zone));
  const [end, setEnd] = useState(() => toLocalInput(now() - 60_000, zone));
  const span = useDebounced(`${fromLocalInput(start, zone) ?? start} ${fromLocalInput(end, zone) ?? end}`, pause);
  const count = useQuery({ queryKey: ['backfill', job.id, span], retry: false, queryFn: () => backfill(job.id, span, true) });
  const runs = count.data?.runs ?? null;
  const fault = count.error;
  const faultOf = (field: string): string | undefined => (fault instanceof ApiError ? fault.faults.find((f) => f.field === field)?.message : undefined);
  return (
    <Confirm
      title={t('backfill.title', { name: job.name || job.id })}
      action={runs === null ? t('action.backfill') : t('backfill.do', { n: runs, count: number(runs, language) })}
      onClose={onClose}
      onConfirm={async () => {
        const answer = await backfill(job.id, span, false);
        toast('ok', t('backfill.done', { n: answer.runs, count: number(answer.runs, language) }));
        void queries.invalidateQueries({ queryKey: ['runs'] });
      }}
    >
      <p>{t('backfill.text')}</p>
      <div className="pair">
        <Field label={t('filter.since')} error={faultOf('start')}>
          <input type="datetime-local" step="1" value={start} onChange={(event) => setStart(event.target.value)} />
        </Field>
        <Field label={t('filter.until')} error={faultOf('end')}>
          <input type="datetime-local" step="1" value={end} onChange={(event) => setEnd(event.target.value)} />
        </Field>
      </div>
      {fault !== null && !faultOf('start') && !faultOf('end') && <p className="field-error">{errorText(fault, t)}</p>}
    </Confirm>
  );
}
