import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { basePath } from '../../api/client';
import { statsQuery } from '../../api/queries';
import type { components } from '../../api/schema';
import { Glyph } from '../../components/icons';
import { Alert, Blank, Failure, Skeleton } from '../../components/Notice';
import { Page } from '../../components/Page';
import { Countdown } from '../../components/Time';
import { useI18n } from '../../i18n';
import { took, tookOr } from '../../lib/duration';
import { count } from '../../lib/number';

type Stats = components['schemas']['Stats'];
type Queue = NonNullable<Stats['queues']>[number];

/** How much waits in the queues, and who works on it. */
export default function QueuesPage() {
  const { t } = useI18n();
  const { data, error, refetch } = useQuery({ ...statsQuery, refetchInterval: 2000 });
  return (
    <Page
      title={t('nav.queues')}
      name={t('nav.queues')}
      actions={
        <a className="button plain" href={`${basePath}/monitoring`} target="_blank" rel="noreferrer">
          <Glyph name="external" />
          <span>{t('queues.monitor')}</span>
        </a>
      }
    >
      {/* Figures that stand still must say so. */}
      {error ? <Failure error={error} onRetry={() => void refetch()} /> : null}
      {data ? <Shown stats={data} /> : error ? null : <Skeleton lines={6} />}
    </Page>
  );
}

function Shown({ stats }: { stats: Stats }) {
  const { t, language } = useI18n();
  const { queues, lag } = stats;
  return (
    <>
      {stats.warnings.map((warning) => (
        <Alert key={warning.code}>{language === 'en' ? warning.message : warning.message_zh}</Alert>
      ))}
      <dl className="tiles card">
        <Figure label={t('queues.workers')} value={stats.workers === null ? '–' : count(stats.workers, language)} alarm={stats.workers === 0} note={stats.workers === 0 ? t('queues.noWorker') : ''} />
        <Figure label={t('queues.beats')} value={stats.beats === null ? '–' : count(stats.beats, language)} alarm={stats.beats === 0} note={stats.beats === 0 ? t('queues.noBeat') : ''} />
        <Figure label={t('queues.lag50')} value={tookOr(lag.p50_ms)} note={t('queues.lagNote')} />
        <Figure label={t('queues.lag95')} value={tookOr(lag.p95_ms)} note={t('job.runs', { n: lag.runs })} />
      </dl>
      {queues === null ? (
        <Blank icon="warn" title={t('queues.noRedis')} />
      ) : (
        <div className="card table-scroll">
          <table className="plain-table">
            <caption className="hidden">{t('nav.queues')}</caption>
            <thead>
              <tr>
                <th scope="col">{t('queues.queue')}</th>
                <th scope="col" className="right">{t('queues.pending')}</th>
                <th scope="col" className="bar-cell">
                  <span className="hidden">{t('queues.share')}</span>
                </th>
                <th scope="col" className="right">{t('queues.active')}</th>
                <th scope="col" className="right">{t('queues.retry')}</th>
                <th scope="col" className="right">{t('queues.scheduled')}</th>
                <th scope="col" className="right">{t('queues.archived')}</th>
                <th scope="col" className="right">{t('queues.latency')}</th>
              </tr>
            </thead>
            <tbody>
              {queues.map((queue) => (
                <Row key={queue.queue} queue={queue} most={Math.max(1, ...queues.map((q) => q.pending + q.active))} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      <p className="soft">{t('queues.text')}</p>
      {stats.hosts && stats.hosts.length > 0 && <Held hosts={stats.hosts} />}
    </>
  );
}

/** Hosts that are left alone for a while, because they asked for it or cannot be reached. */
function Held({ hosts }: { hosts: NonNullable<Stats['hosts']> }) {
  const { t } = useI18n();
  return (
    <section className="card" aria-label={t('queues.held')}>
      <header className="card-head">
        <h2>{t('queues.held')}</h2>
      </header>
      <div className="table-scroll">
        <table className="plain-table">
          <thead>
            <tr>
              <th scope="col">{t('queues.host')}</th>
              <th scope="col">{t('runs.reason')}</th>
              <th scope="col">{t('queues.times')}</th>
              <th scope="col">{t('queues.until')}</th>
            </tr>
          </thead>
          <tbody>
            {hosts.map((held) => (
              <tr key={held.host}>
                <th scope="row">
                  <Link to={`/jobs?host=${encodeURIComponent(held.host.replace(/:\d+$/, ''))}`}>{held.host}</Link>
                </th>
                <td>{t(`held.${held.cause}`)}</td>
                <td className="num">{held.times}</td>
                <td>
                  <Countdown at={held.until} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Figure({ label, value, note = '', alarm = false }: { label: string; value: string; note?: string; alarm?: boolean }) {
  return (
    <div className={alarm ? 'tile tone-fail' : 'tile'}>
      <dt className="tile-label">{label}</dt>
      <dd>
        <strong className="num">{value}</strong>
        <span className="tile-note">{note || '\u00a0'}</span>
      </dd>
    </div>
  );
}

function Row({ queue, most }: { queue: Queue; most: number }) {
  const { t, language } = useI18n();
  const n = (value: number): string => count(value, language);
  return (
    <tr>
      <th scope="row">
        {t(`queue.${queue.queue}`)}
        {queue.paused && <span className="badge tone-warn">{t('job.paused')}</span>}
      </th>
      <td className="num right">{n(queue.pending)}</td>
      <td className="bar-cell" aria-hidden="true">
        <span className="depth">
          <span className="depth-active" style={{ width: `${(queue.active / most) * 100}%` }} />
          <span className="depth-pending" style={{ width: `${(queue.pending / most) * 100}%` }} />
        </span>
      </td>
      <td className="num right">{n(queue.active)}</td>
      <td className="num right">{n(queue.retry)}</td>
      <td className="num right">{n(queue.scheduled)}</td>
      <td className={queue.archived > 0 ? 'num right tone-fail' : 'num right'}>{n(queue.archived)}</td>
      <td className="num right">{took(queue.latency_ms)}</td>
    </tr>
  );
}
