import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import type { Job } from '../../api/client';
import { jobRunsQuery } from '../../api/queries';
import { Barcode } from '../../components/Barcode';
import { CopyText } from '../../components/Copy';
import { Ago, Countdown, FullMoment } from '../../components/Time';
import { Words, written } from '../../components/Words';
import { useI18n } from '../../i18n';
import { reasonText } from '../../i18n/words';
import { runPath } from '../../lib/navigate';
import { took } from '../../lib/duration';

/** What a job is, in one strip. */
export function Facts({ job }: { job: Job }) {
  const { t } = useI18n();
  const recent = useQuery(jobRunsQuery(job.id, {}, 24));
  const run = job.last_run;
  return (
    <>
      {job.description && <p className="job-description">{job.description}</p>}
      <dl className="facts card">
        <Fact label={t('jobs.schedule')}>
          <Words schedule={job.schedule} />
          <span className="soft mono">
            {written(job.schedule)} {job.schedule.time_zone}
          </span>
        </Fact>
        <Fact label={t('jobs.next')}>
          {job.next_run_at ? (
            <>
              <b>
                <Countdown at={job.next_run_at} />
              </b>
              <span className="soft">
                <FullMoment at={job.next_run_at} />
              </span>
            </>
          ) : (
            <span className="soft">
              {t(job.status === 'paused' ? 'job.paused' : 'job.completed')}
              {job.pause_reason && ` · ${job.pause_reason}`}
              {job.paused_until && (
                <>
                  {' · '}
                  {t('job.until')} <FullMoment at={job.paused_until} />
                </>
              )}
            </span>
          )}
        </Fact>
        <Fact label={t('job.lastRun')}>
          {run ? (
            <>
              <Link to={runPath(run.id)}>
                {reasonText(run.reason, t) || t(`state.${run.state}`)}
                {run.duration_ms !== null && ` · ${took(run.duration_ms)}`}
              </Link>
              <span className="soft">
                <Ago at={run.scheduled_at} />
              </span>
            </>
          ) : (
            <span className="soft">{t('job.noRun')}</span>
          )}
        </Fact>
        <Fact label={t('jobs.recent')}>
          <Barcode runs={recent.data?.runs ?? []} />
        </Fact>
        <Fact label={t('job.calls')} wide>
          <CopyText text={job.request.url}>
            <span className="mono">
              <b>{job.request.method}</b> {job.request.url}
            </span>
          </CopyText>
          <span className="soft">
            <CopyText text={job.id}>
              <span className="mono">{job.id}</span>
            </CopyText>
            {job.tags.map((tag) => (
              <Link key={tag} to={`/jobs?tag=${encodeURIComponent(tag)}`} className="tag">
                {tag}
              </Link>
            ))}
          </span>
        </Fact>
      </dl>
    </>
  );
}

function Fact({ label, wide = false, children }: { label: string; wide?: boolean; children: ReactNode }) {
  return (
    <div className={wide ? 'fact wide' : 'fact'}>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}
