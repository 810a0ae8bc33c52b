import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link, useLocation } from 'wouter';
import type { Run } from '../../api/client';
import { queries, runQuery } from '../../api/queries';
import { cancelRun, retryRun } from '../../api/runs';
import { useBarred } from '../../api/scope';
import { Button, IconButton } from '../../components/Button';
import { CopyButton, CopyText } from '../../components/Copy';
import { JobName } from '../../components/JobName';
import { Failure, Skeleton } from '../../components/Notice';
import { Page } from '../../components/Page';
import { RunStatus } from '../../components/Status';
import { Ago, FullMoment } from '../../components/Time';
import { toast } from '../../components/Toasts';
import { useI18n } from '../../i18n';
import { errorText } from '../../i18n/words';
import { toCurl } from '../../lib/curl';
import { tookOr } from '../../lib/duration';
import { jobPath, runPath, useIdInPath } from '../../lib/navigate';
import { isOpen } from '../../lib/states';
import { useKeys } from '../../lib/useKeys';
import { Attempts } from './Attempts';
import { Exchange } from './Exchange';
import { useSentence } from './sentence';
import { useNeighbours } from './useNeighbours';

/** One run: what happened, in a sentence and in full. */
export default function RunPage() {
  const id = useIdInPath();
  const { t } = useI18n();
  const { data: run, error, refetch } = useQuery({ ...runQuery(id), refetchInterval: ({ state }) => (state.data && isOpen(state.data.state) ? 1500 : false) });
  if (run) return <Shown key={run.id} run={run} />;
  return (
    <Page title={t('run.title')} name={t('run.title')} above={<Link to="/runs">{t('nav.runs')}</Link>}>
      {error ? <Failure error={error} onRetry={() => void refetch()} /> : <Skeleton lines={6} />}
    </Page>
  );
}

function Shown({ run }: { run: Run }) {
  const barred = useBarred();
  const { t } = useI18n();
  const [, navigate] = useLocation();
  const sentence = useSentence(run);
  const { older, newer } = useNeighbours(run);
  const [busy, setBusy] = useState(false);
  const open = isOpen(run.state);

  const act = async (what: () => Promise<void>): Promise<void> => {
    setBusy(true);
    try {
      await what();
    } catch (error) {
      toast('fail', errorText(error, t));
    } finally {
      setBusy(false);
    }
  };
  const cancel = () =>
    act(async () => {
      await cancelRun(run.id);
      await queries.invalidateQueries({ queryKey: ['run', run.id] });
    });
  const retry = () =>
    act(async () => {
      const fresh = await retryRun(run.id);
      navigate(runPath(fresh.id));
    });
  const go = (id: string | undefined) => () => id && navigate(runPath(id));
  const again = (): void => {
    const why = barred('run');
    if (why) toast('fail', why);
    else if (!open) void retry();
  };
  useKeys({ j: go(older), k: go(newer), r: again, escape: () => navigate(jobPath(run.job_id)) });
  return (
    <Page
      title={sentence}
      name={sentence}
      above={
        <>
          <Link to={jobPath(run.job_id)}>
            <JobName id={run.job_id} />
          </Link>
          <span aria-hidden="true">/</span>
          <span>
            <FullMoment at={run.scheduled_at} />
          </span>
        </>
      }
      actions={
        <>
          <IconButton icon="left" label={t('run.newer')} disabled={!newer} onClick={go(newer)} />
          <IconButton icon="right" label={t('run.older')} disabled={!older} onClick={go(older)} />
          {run.request && <CopyButton text={toCurl(run.request)} label={t('action.copyCurl')} />}
          {open ? (
            <Button kind="danger" icon="stop" disabled={busy} needs="run" onClick={() => void cancel()}>
              {t('action.cancelRun')}
            </Button>
          ) : (
            <Button kind="primary" icon="retry" hint="r" disabled={busy} needs="run" onClick={() => void retry()}>
              {t('action.runAgain')}
            </Button>
          )}
        </>
      }
    >
      <dl className="facts card">
        <div className="fact">
          <dt>{t('runs.state')}</dt>
          <dd>
            <RunStatus state={run.state} />
          </dd>
        </div>
        <div className="fact">
          <dt>{t('runs.scheduled')}</dt>
          <dd>
            <FullMoment at={run.scheduled_at} />
            <span className="soft">
              <Ago at={run.scheduled_at} />
            </span>
          </dd>
        </div>
        <div className="fact">
          <dt>{t('runs.lag')}</dt>
          <dd className="num">{tookOr(run.lag_ms)}</dd>
        </div>
        <div className="fact">
          <dt>{t('runs.duration')}</dt>
          <dd className="num">{tookOr(run.duration_ms)}</dd>
        </div>
        <div className="fact">
          <dt>{t('runs.trigger')}</dt>
          <dd>{t(`trigger.${run.trigger}`)}</dd>
        </div>
        <div className="fact">
          <dt>{t('run.id')}</dt>
          <dd>
            <CopyText text={run.id}>
              <span className="mono">{run.id}</span>
            </CopyText>
          </dd>
        </div>
      </dl>
      {run.missed_count > 1 && run.missed_from && run.missed_to && (
        <p className="run-missed">
          {t('run.missed', { n: run.missed_count })} <FullMoment at={run.missed_from} /> – <FullMoment at={run.missed_to} />
        </p>
      )}
      {run.attempts.length > 0 && <Attempts attempts={run.attempts} />}
      <Exchange run={run} />
    </Page>
  );
}
