import { useEffect, useState } from 'react';
import { api, type Job, unwrap } from '../../api/client';
import { ApiError } from '../../api/errors';
import { queries } from '../../api/queries';
import { Confirm } from '../../components/Confirm';
import { Field } from '../../components/Field';
import { toast } from '../../components/Toasts';
import { useI18n } from '../../i18n';
import { errorText } from '../../i18n/words';
import { now } from '../../lib/clock';
import { count } from '../../lib/number';
import { fromLocalInput, toLocalInput } from '../../lib/time';

const day = 86_400_000;

/** Runs what a job's schedule names for a stretch of the past. Says how many that are before it does. */
export function Backfill({ job, onClose }: { job: Job; onClose: () => void }) {
  const { t, locale, language } = useI18n();
  const zone = locale.timeZone;
  const [start, setStart] = useState(() => toLocalInput(now() - day, zone));
  const [end, setEnd] = useState(() => toLocalInput(now() - 60_000, zone));
  const [runs, setRuns] = useState<number | null>(null);
  const [fault, setFault] = useState<unknown>(null);

  const call = (dryRun: boolean) =>
    unwrap(
      api.POST('/api/v1/jobs/{id}/backfill', {
        params: { path: { id: job.id } },
        body: { start: fromLocalInput(start, zone) ?? start, end: fromLocalInput(end, zone) ?? end, dry_run: dryRun },
      }),
    );
  useEffect(() => {
    let current = true;
    setRuns(null);
    const timer = setTimeout(() => {
      call(true).then(
        (answer) => {
          if (!current) return;
          setRuns(answer.runs);
          setFault(null);
        },
        (error: unknown) => current && setFault(error),
      );
    }, 200);
    return () => {
      current = false;
      clearTimeout(timer);
    };
    // The call is made of nothing else that changes.
  }, [start, end]);
  const faultOf = (field: string): string | undefined => (fault instanceof ApiError ? fault.faults.find((f) => f.field === field)?.message : undefined);
  return (
    <Confirm
      title={t('backfill.title', { name: job.name || job.id })}
      action={runs === null ? t('action.backfill') : t('backfill.do', { n: runs, count: count(runs, language) })}
      onClose={onClose}
      onConfirm={async () => {
        const answer = await call(false);
        toast('ok', t('backfill.done', { n: answer.runs, count: count(answer.runs, language) }));
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
