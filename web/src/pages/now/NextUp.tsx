import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { api, unwrap } from '../../api/client';
import { Countdown, Moment } from '../../components/Time';
import { Words } from '../../components/Words';
import { useI18n } from '../../i18n';
import { jobPath } from '../../lib/navigate';
import { Panel } from './Panel';

const shown = 8;

/** What runs next, and how long until then. */
export function NextUp() {
  const { t } = useI18n();
  const { data, error, isPending } = useQuery({
    queryKey: ['jobs', 'next'],
    placeholderData: keepPreviousData,
    queryFn: () => unwrap(api.GET('/api/v1/jobs', { params: { query: { status: 'active', sort: 'next_run_at', limit: shown, include: 'description' } } })),
  });
  return (
    <Panel
      title={t('now.next')}
      more="/jobs?sort=next_run_at&status=active"
      error={error}
      loading={isPending}
      empty={data?.jobs.length === 0 ? <p className="panel-calm">{t('now.nothingNext')}</p> : null}
    >
      {data?.jobs.map((job) => (
        <li key={job.id}>
          <div className="panel-text">
            <Link to={jobPath(job.id)}>{job.name || job.id}</Link>
            <span className="soft">
              <Words schedule={job.schedule} known={job.schedule_description} />
            </span>
          </div>
          {job.next_run_at && (
            <div className="panel-when">
              <b>
                <Countdown at={job.next_run_at} />
              </b>
              <span className="soft">
                <Moment at={job.next_run_at} />
              </span>
            </div>
          )}
        </li>
      ))}
    </Panel>
  );
}
