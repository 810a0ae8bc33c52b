import { memo, type MouseEvent } from 'react';
import { Link } from 'wouter';
import type { Job } from '../../api/client';
import { Barcode } from '../../components/Barcode';
import { IconButton } from '../../components/Button';
import { JobStatus } from '../../components/Status';
import { Countdown, Moment } from '../../components/Time';
import { Words } from '../../components/Words';
import { useI18n } from '../../i18n';
import { jobPath } from '../../lib/navigate';

export interface RowActions {
  onSelect: (job: Job) => void;
  onFocus: (index: number) => void;
  onRun: (job: Job) => void;
  onPause: (job: Job) => void;
  onEdit: (job: Job) => void;
  onTag: (tag: string) => void;
}

interface Props extends RowActions {
  job: Job;
  index: number;
  active: boolean;
  selected: boolean;
}

/** One job in the list. */
export const JobRow = memo(function JobRow({ job, index, active, selected, ...on }: Props) {
  const { t } = useI18n();
  const name = job.name || job.id;
  const paused = job.status === 'paused';
  return (
    <div
      id={`job-row-${index}`}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={selected}
      tabIndex={active ? 0 : -1}
      className={`row${active ? ' active' : ''}${selected ? ' selected' : ''}`}
      onFocus={() => on.onFocus(index)}
    >
      <div role="gridcell" className="cell-select">
        <label className="tap">
          <input type="checkbox" tabIndex={-1} checked={selected} aria-label={t('jobs.select', { name })} onChange={() => on.onSelect(job)} />
        </label>
      </div>
      <div role="gridcell" className="cell-status">
        <JobStatus job={job} />
      </div>
      <div role="gridcell" className="cell-name">
        <Link to={jobPath(job.id)} tabIndex={-1} className="row-link" title={name}>
          {name}
        </Link>
        <span className="url" title={job.request.url}>
          {shortURL(job)}
        </span>
      </div>
      <div role="gridcell" className="cell-schedule">
        <Words schedule={job.schedule} known={job.schedule_description} />
      </div>
      <div role="gridcell" className="cell-next">
        {job.next_run_at ? (
          <>
            <b>
              <Countdown at={job.next_run_at} />
            </b>
            <span className="soft">
              <Moment at={job.next_run_at} />
            </span>
          </>
        ) : (
          <span className="soft">{paused ? t('job.paused') : '–'}</span>
        )}
      </div>
      <div role="gridcell" className="cell-recent">
        <Barcode runs={job.recent ?? []} />
      </div>
      <div role="gridcell" className="cell-tags">
        <Tags tags={job.tags} onTag={on.onTag} />
      </div>
      <div role="gridcell" className="cell-actions">
        <IconButton icon="play" needs="run" tabIndex={-1} label={t('action.runJob', { name })} onClick={stop(() => on.onRun(job))} />
        <IconButton
          icon={paused ? 'retry' : 'pause'}
          tabIndex={-1}
          needs="write"
          disabled={job.status === 'completed'}
          label={t(paused ? 'action.resumeJob' : 'action.pauseJob', { name })}
          onClick={stop(() => on.onPause(job))}
        />
        <IconButton icon="edit" needs="write" tabIndex={-1} label={t('action.editJob', { name })} onClick={stop(() => on.onEdit(job))} />
      </div>
    </div>
  );
});

function stop(act: () => void): (event: MouseEvent) => void {
  return (event) => {
    event.stopPropagation();
    act();
  };
}

function shortURL(job: Job): string {
  const url = job.request.url.replace(/^https?:\/\//, '');
  return job.request.method === 'GET' ? url : `${job.request.method} ${url}`;
}

const shownTags = 2;

function Tags({ tags, onTag }: { tags: readonly string[]; onTag: (tag: string) => void }) {
  const more = tags.length - shownTags;
  return (
    <>
      {tags.slice(0, shownTags).map((tag) => (
        <button key={tag} type="button" tabIndex={-1} className="tag" onClick={stop(() => onTag(tag))}>
          {tag}
        </button>
      ))}
      {more > 0 && (
        <span className="soft num" title={tags.slice(shownTags).join(', ')}>
          +{more}
        </span>
      )}
    </>
  );
}
