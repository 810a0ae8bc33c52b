import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense } from 'react';
import { jobRunsQuery } from '../../api/queries';
import { useI18n } from '../../i18n';
import { took } from '../../lib/duration';
import { latencySeries } from '../../lib/latency';
import { quantile } from '../../lib/number';

const Chart = lazy(() => import('./LatencyChart'));

/** Runs that the figures are made of. */
const sample = 500;

/** How long a job's calls took: p50 and p95 over time. */
export function Latency({ jobId }: { jobId: string }) {
  const { t } = useI18n();
  const { data } = useQuery(jobRunsQuery(jobId, {}, sample));
  const called = data?.runs.filter((run) => run.duration_ms !== null) ?? [];
  if (called.length < 4) return null;
  const durations = called.map((run) => run.duration_ms ?? 0).toSorted((a, b) => a - b);
  const good = called.filter((run) => run.state === 'succeeded').length;
  return (
    <section className="latency card" aria-label={t('job.latency')}>
      <header>
        <h2>{t('job.latency')}</h2>
        <dl>
          {(['p50', 'p95'] as const).map((name) => (
            <div key={name} className={`legend-${name}`}>
              <dt>{name}</dt>
              <dd className="num">{took(quantile(durations, name === 'p50' ? 0.5 : 0.95) ?? 0)}</dd>
            </div>
          ))}
          <div>
            <dt>{t('job.success')}</dt>
            <dd className="num">{((good / called.length) * 100).toFixed(good === called.length ? 0 : 1)} %</dd>
          </div>
          <div>
            <dt>{t('job.of')}</dt>
            <dd className="num">{t('job.runs', { n: called.length })}</dd>
          </div>
        </dl>
      </header>
      <Suspense fallback={<div className="chart" />}>
        <Chart series={latencySeries(called)} />
      </Suspense>
    </section>
  );
}
