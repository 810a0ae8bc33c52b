import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link, useLocation } from 'wouter';
import type { Job } from '../../api/client';
import { jobQuery, queries } from '../../api/queries';
import { Button } from '../../components/Button';
import { LiveHorizon } from '../../components/LiveHorizon';
import { Menu, type MenuItem } from '../../components/Menu';
import { Failure, Skeleton } from '../../components/Notice';
import { Page } from '../../components/Page';
import { JobStatus } from '../../components/Status';
import { Tabs } from '../../components/Tabs';
import { Warnings } from '../../components/Warnings';
import { useJobActions } from '../../components/useJobActions';
import { type Translate, useI18n } from '../../i18n';
import { parseRunFilter, type RunFilter } from '../../lib/filters';
import { jobPath, useIdInPath } from '../../lib/navigate';
import { useKeys } from '../../lib/useKeys';
import { RunList } from '../runs/RunList';
import { RunToolbar } from '../runs/RunToolbar';
import { Backfill } from './Backfill';
import { Definition } from './Definition';
import { Facts } from './Facts';
import { Latency } from './Latency';
import { CatchUp, PauseUntil } from './Pause';

/** One job: what it is, how its runs went, what comes. */
export default function JobPage() {
  const id = useIdInPath();
  const { data: job, error, refetch } = useQuery(jobQuery(id));
  const { t } = useI18n();
  if (job) return <Shown key={job.id} job={job} />;
  return (
    <Page title={id} name={id} above={<Link to="/jobs">{t('nav.jobs')}</Link>}>
      {error ? <Failure error={error} onRetry={() => void refetch()} /> : <Skeleton lines={6} />}
    </Page>
  );
}

function Shown({ job }: { job: Job }) {
  const { t } = useI18n();
  const [, navigate] = useLocation();
  const [tab, setTab] = useState<'runs' | 'definition'>('runs');
  const [filter, setFilter] = useState<RunFilter>({ ...parseRunFilter(''), job: job.id });
  const [asking, setAsking] = useState<'backfill' | 'pause' | 'resume' | null>(null);
  const changed = (to: Job): void => void queries.setQueryData(jobQuery(job.id).queryKey, to);
  const act = useJobActions(changed, () => navigate('/jobs'));
  const close = (): void => setAsking(null);
  const name = job.name || job.id;
  const paused = job.status === 'paused';
  // The others are about the schedule as it is written: the editor shows them.
  const pressing = job.warnings?.filter((warning) => warning.code === 'date_in_past' || warning.code === 'duplicate_header') ?? [];
  const edit = (): void => navigate(`${jobPath(job.id)}/edit`);
  const clone = (): void => navigate(`/jobs/new?from=${encodeURIComponent(job.id)}`);
  useKeys({ e: edit, r: () => act.run(job), p: () => job.status !== 'completed' && act.togglePause(job), escape: () => navigate('/jobs') });
  return (
    <Page
      title={name}
      name={name}
      above={<Link to="/jobs">{t('nav.jobs')}</Link>}
      beside={<JobStatus job={job} />}
      actions={
        <>
          {job.status !== 'completed' && (
            <Button icon={paused ? 'retry' : 'pause'} hint="p" needs="write" onClick={() => act.togglePause(job)}>
              {t(paused ? 'action.resume' : 'action.pause')}
            </Button>
          )}
          <Button icon="edit" hint="e" needs="write" onClick={edit}>
            {t('action.edit')}
          </Button>
          <Button kind="primary" icon="play" hint="r" needs="run" onClick={() => act.run(job)}>
            {t('action.run')}
          </Button>
          <Menu
            label={t('action.more')}
            items={[
              { icon: 'copy', label: t('action.clone'), needs: 'write', onSelect: clone },
              { icon: 'runs', label: t('action.backfill'), needs: 'run', onSelect: () => setAsking('backfill') },
              ...(job.status === 'completed' ? [] : [pauseItem(paused, t, setAsking)]),
              { icon: 'trash', label: t('action.delete'), danger: true, needs: 'write', onSelect: () => act.remove(job) },
            ]}
          />
        </>
      }
    >
      {pressing.length > 0 && <Warnings warnings={pressing} />}
      <Facts job={job} />
      <LiveHorizon job={job.id} height={64} />
      <Latency jobId={job.id} />
      <Tabs
        label={name}
        value={tab}
        onChange={setTab}
        tabs={[
          { value: 'runs', label: t('nav.runs') },
          { value: 'definition', label: t('job.definition') },
        ]}
      >
        {tab === 'runs' ? (
          <>
            <RunToolbar filter={filter} ofJob onChange={(change) => setFilter({ ...filter, ...change })} />
            <RunList filter={filter} />
          </>
        ) : (
          <Definition job={job} />
        )}
      </Tabs>
      {asking === 'backfill' && <Backfill job={job} onClose={close} />}
      {asking === 'pause' && <PauseUntil job={job} onPaused={changed} onClose={close} />}
      {asking === 'resume' && <CatchUp job={job} onResumed={changed} onClose={close} />}
      {act.dialog}
    </Page>
  );
}

function pauseItem(paused: boolean, t: Translate, ask: (what: 'pause' | 'resume') => void): MenuItem {
  return paused
    ? { icon: 'retry', label: t('pause.catchUp'), needs: 'write', onSelect: () => ask('resume') }
    : { icon: 'pause', label: t('pause.until'), needs: 'write', onSelect: () => ask('pause') };
}
