import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link, useLocation } from 'wouter';
import { statsQuery } from '../../api/queries';
import { Button } from '../../components/Button';
import { LiveHorizon } from '../../components/LiveHorizon';
import { Failure } from '../../components/Notice';
import { Page } from '../../components/Page';
import { useI18n } from '../../i18n';
import { dueBetween, formatJobFilter, parseJobFilter } from '../../lib/filters';
import { count } from '../../lib/number';
import { FirstStart } from '../jobs/FirstStart';
import { Attention } from './Attention';
import { JustRan } from './JustRan';
import { NextUp } from './NextUp';

/** The service at a glance, for a screen that stays on. */
export function NowPage() {
  const { t, language } = useI18n();
  const many = (n: number) => ({ n, count: count(n, language) });
  const [, navigate] = useLocation();
  const stats = useQuery(statsQuery);
  const numbers = stats.data;
  // The server counts anew once a second: right after the first job it may still say that there is none.
  const [made, setMade] = useState(false);
  return (
    <Page
      title={t('nav.now')}
      name={t('nav.now')}
      actions={
        <Button kind="primary" icon="plus" hint="n" needs="write" onClick={() => navigate('/jobs/new')}>
          {t('jobs.new')}
        </Button>
      }
    >
      {numbers?.jobs.total === 0 && !made ? (
        <FirstStart onMade={() => setMade(true)} />
      ) : (
        <>
          <LiveHorizon height={132} onPickFuture={(from, to) => navigate(`/jobs${formatJobFilter({ ...parseJobFilter(''), ...dueBetween(from, to), sort: 'next_run_at' })}`)} />
          {stats.error && !numbers ? (
            <Failure error={stats.error} onRetry={() => void stats.refetch()} />
          ) : (
            <div className="tiles card">
              <Tile to="/jobs?status=failing" tone={numbers && numbers.failing > 0 ? 'fail' : ''} label={t('now.failing')} n={numbers?.failing} note={t('now.failingNote')} />
              <Tile
                to="/runs?state=running"
                tone={numbers && numbers.runs.running > 0 ? 'run' : ''}
                label={t('now.running')}
                n={numbers && numbers.runs.running + numbers.runs.retrying}
                note={numbers && t('now.runningNote', many(numbers.runs.queued + numbers.runs.waiting))}
              />
              <Tile to="/jobs?sort=next_run_at&status=active" label={t('now.due')} n={numbers?.due_next_hour} note={numbers && t('now.dueNote', many(numbers.jobs.active))} />
              <Tile to="/jobs?status=paused" label={t('now.paused')} n={numbers?.jobs.paused} note={numbers && t('now.pausedNote', many(numbers.jobs.total))} />
            </div>
          )}
          <div className="now-lists">
            <Attention />
            <NextUp />
            <JustRan />
          </div>
        </>
      )}
    </Page>
  );
}

interface TileProps {
  to: string;
  label: string;
  n: number | undefined;
  note?: string;
  tone?: 'fail' | 'run' | '';
}

function Tile({ to, label, n, note, tone = '' }: TileProps) {
  const { language } = useI18n();
  return (
    <Link to={to} className={`tile ${tone && `tone-${tone}`}`}>
      <span className="tile-label">{label}</span>
      <strong className="num">{n === undefined ? '–' : count(n, language)}</strong>
      <span className="tile-note">{note ?? '\u00a0'}</span>
    </Link>
  );
}
