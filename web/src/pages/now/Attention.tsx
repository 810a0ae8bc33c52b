import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { api, type Job, unwrap } from '../../api/client';
import { Barcode } from '../../components/Barcode';
import { IconButton } from '../../components/Button';
import { Glyph } from '../../components/icons';
import { Ago } from '../../components/Time';
import { useJobActions } from '../../components/useJobActions';
import { useI18n } from '../../i18n';
import { reasonText } from '../../i18n/words';
import { jobPath, runPath } from '../../lib/navigate';
import { Panel } from './Panel';

const shown = 8;

/** Jobs whose last run failed, with the reason. */
export function Attention() {
  const { t } = useI18n();
  const act = useJobActions(() => undefined);
  const { data, error, isPending } = useQuery({
    queryKey: ['jobs', 'attention'],
    placeholderData: keepPreviousData,
    queryFn: () => unwrap(api.GET('/api/v1/jobs', { params: { query: { last_state: 'failed', sort: '-updated_at', limit: shown, include: 'recent' } } })),
  });
  const calm = (
    <p className="panel-calm">
      <Glyph name="check" className="tone-ok" />
      {t('now.calm')}
    </p>
  );
  return (
    <Panel title={t('now.attention')} more="/jobs?status=failing" error={error} loading={isPending} empty={data?.jobs.length === 0 ? calm : null}>
      {data?.jobs.map((job) => (
        <Item key={job.id} job={job} onRun={act.run} />
      ))}
      {act.dialog}
    </Panel>
  );
}

function Item({ job, onRun }: { job: Job; onRun: (job: Job) => void }) {
  const { t } = useI18n();
  const run = job.last_run;
  return (
    <li>
      <Glyph name="cross" className="tone-fail" width="14" height="14" />
      <div className="panel-text">
        <Link to={jobPath(job.id)}>{job.name || job.id}</Link>
        {run && (
          <Link to={runPath(run.id)} className="soft">
            {reasonText(run.reason, t)} · <Ago at={run.scheduled_at} />
          </Link>
        )}
      </div>
      <Barcode runs={job.recent ?? []} />
      <IconButton icon="play" needs="run" label={t('action.runJob', { name: job.name || job.id })} onClick={() => onRun(job)} />
    </li>
  );
}
