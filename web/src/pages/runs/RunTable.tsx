import { useRef } from 'react';
import { Link, useLocation } from 'wouter';
import type { Run } from '../../api/client';
import { JobName } from '../../components/JobName';
import { RunStatus } from '../../components/Status';
import { Moment } from '../../components/Time';
import { useI18n } from '../../i18n';
import { reasonText } from '../../i18n/words';
import { tookOr } from '../../lib/duration';
import { runPath } from '../../lib/navigate';
import { useRowHeight } from '../../lib/rowHeight';
import { useKeys } from '../../lib/useKeys';
import { useWindow } from '../../lib/useWindow';

interface Props {
  runs: readonly Run[];
  /** Whether the runs are of many jobs, so that the job is shown. */
  withJob?: boolean;
}

/** Runs, the newest first, of which only the rows in sight exist. */
export function RunTable({ runs, withJob = false }: Props) {
  const { t } = useI18n();
  const [, navigate] = useLocation();
  const body = useRef<HTMLDivElement>(null);
  const rowHeight = useRowHeight();
  const { first, end } = useWindow(body, runs.length, rowHeight);
  const step = (by: number) => () => {
    const links = [...(body.current?.querySelectorAll<HTMLElement>('.run-link') ?? [])];
    const at = links.indexOf(document.activeElement as HTMLElement);
    const next = links[Math.max(0, at + by)];
    next?.focus();
    next?.scrollIntoView({ block: 'nearest' });
  };
  useKeys({ j: step(1), k: step(-1) });
  return (
    <div role="table" aria-label={t('nav.runs')} aria-rowcount={runs.length + 1} className={`table runs-table${withJob ? ' with-job' : ''}`}>
      <div role="row" aria-rowindex={1} className="row table-head">
        <div role="columnheader" className="cell-state">{t('runs.state')}</div>
        {withJob && <div role="columnheader" className="cell-job">{t('runs.job')}</div>}
        <div role="columnheader" className="cell-when">{t('runs.scheduled')}</div>
        <div role="columnheader" className="cell-reason">{t('runs.reason')}</div>
        <div role="columnheader" className="cell-trigger">{t('runs.trigger')}</div>
        <div role="columnheader" className="cell-number">{t('runs.attempts')}</div>
        <div role="columnheader" className="cell-number">{t('runs.lag')}</div>
        <div role="columnheader" className="cell-number">{t('runs.duration')}</div>
      </div>
      <div ref={body} role="rowgroup" className="table-body" style={{ height: runs.length * rowHeight }}>
        <div className="table-window" role="presentation" style={{ transform: `translateY(${first * rowHeight}px)` }}>
          {runs.slice(first, end).map((run, i) => (
            <div key={run.id} role="row" aria-rowindex={first + i + 2} className="row clickable" onClick={() => navigate(runPath(run.id))}>
              <Cells run={run} withJob={withJob} />
            </div>
          ))}
        </div>
      </div>
    </div>
  );
}

function Cells({ run, withJob }: { run: Run; withJob: boolean }) {
  const { t } = useI18n();
  return (
    <>
      <div role="cell" className="cell-state">
        <RunStatus state={run.state} />
      </div>
      {withJob && (
        <div role="cell" className="cell-job">
          <JobName id={run.job_id} />
        </div>
      )}
      <div role="cell" className="cell-when">
        <Link to={runPath(run.id)} className="row-link run-link" onClick={(event) => event.stopPropagation()}>
          <Moment at={run.scheduled_at} />
        </Link>
        {run.missed_count > 1 && <span className="soft num">× {run.missed_count}</span>}
      </div>
      <div role="cell" className="cell-reason">
        {run.reason === 'ok' ? <span className="soft num">{run.attempts.at(-1)?.status_code}</span> : reasonText(run.reason, t)}
      </div>
      <div role="cell" className="cell-trigger soft">
        {t(`trigger.${run.trigger}`)}
      </div>
      <div role="cell" className="cell-number num">
        {run.attempts.length || '–'}
      </div>
      <div role="cell" className="cell-number num soft">
        {tookOr(run.lag_ms)}
      </div>
      <div role="cell" className="cell-number num">
        {tookOr(run.duration_ms)}
      </div>
    </>
  );
}
