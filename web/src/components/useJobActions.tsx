import { type ReactNode, useState } from 'react';
import type { Job } from '../api/client';
import { ApiError } from '../api/errors';
import { deleteJob, pauseJob, resumeJob, runJob } from '../api/jobs';
import { queries } from '../api/queries';
import { type Scope, useBarred } from '../api/scope';
import { useI18n } from '../i18n';
import { errorText } from '../i18n/words';
import { runPath } from '../lib/navigate';
import { Confirm } from './Confirm';
import { toast } from './Toasts';

interface JobActions {
  run: (job: Job) => void;
  togglePause: (job: Job) => void;
  remove: (job: Job) => void;
  /** Questions that are open; to be shown. */
  dialog: ReactNode;
}

type Question = { kind: 'force' | 'delete'; job: Job };

/** What can be done with a job from wherever it is shown. */
export function useJobActions(onChanged: (job: Job) => void, onDeleted?: () => void): JobActions {
  const { t } = useI18n();
  const [question, setQuestion] = useState<Question | null>(null);
  const barred = useBarred();
  /** Also a shortcut does only what the key allows, and says why. */
  const allowed = (needs: Scope): boolean => {
    const why = barred(needs);
    if (why) toast('fail', why);
    return !why;
  };
  const failed = (error: unknown): void => toast('fail', errorText(error, t));

  const start = async (job: Job, force: boolean): Promise<void> => {
    const run = await runJob(job.id, force);
    toast('ok', t('jobs.started', { name: job.name || job.id }), { to: runPath(run.id), text: t('action.view') });
    void queries.invalidateQueries({ queryKey: ['runs'] });
  };
  const run = (job: Job): void => {
    if (!allowed('run')) return;
    start(job, false).catch((error: unknown) => {
      if (error instanceof ApiError && error.status === 409) setQuestion({ kind: 'force', job });
      else failed(error);
    });
  };
  const togglePause = (job: Job): void => {
    if (!allowed('write')) return;
    const paused = job.status === 'paused';
    (paused ? resumeJob(job.id) : pauseJob(job.id))
      .then((changed) => {
        onChanged(changed);
        toast('ok', t(paused ? 'jobs.resumed' : 'jobs.paused', { name: job.name || job.id }));
      })
      .catch(failed);
  };
  const close = (): void => setQuestion(null);
  const name = question ? question.job.name || question.job.id : '';
  const dialog =
    question?.kind === 'force' ? (
      <Confirm title={t('jobs.forceTitle', { name })} action={t('jobs.force')} onConfirm={() => start(question.job, true)} onClose={close}>
        {t('jobs.forceText')}
      </Confirm>
    ) : question?.kind === 'delete' ? (
      <Confirm
        title={t('jobs.deleteTitle', { name })}
        action={t('action.delete')}
        danger
        onClose={close}
        onConfirm={async () => {
          await deleteJob(question.job.id);
          toast('ok', t('jobs.deleted', { name }));
          onDeleted?.();
        }}
      >
        {t('jobs.deleteText')}
      </Confirm>
    ) : null;
  return { run, togglePause, remove: (job) => allowed('write') && setQuestion({ kind: 'delete', job }), dialog };
}
