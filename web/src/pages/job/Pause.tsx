import { useState } from 'react';
import type { Job } from '../../api/client';
import { pauseJob, resumeJob } from '../../api/jobs';
import { Confirm } from '../../components/Confirm';
import { Field } from '../../components/Field';
import { useI18n } from '../../i18n';
import { now } from '../../lib/clock';
import { fromLocalInput, toLocalInput } from '../../lib/time';

interface PauseProps {
  job: Job;
  onPaused: (job: Job) => void;
  onClose: () => void;
}

const hour = 3_600_000;

/** Pauses a job until a moment, and says why. */
export function PauseUntil({ job, onPaused, onClose }: PauseProps) {
  const { t, locale } = useI18n();
  const [until, setUntil] = useState(() => toLocalInput(now() + hour, locale.timeZone));
  const [reason, setReason] = useState('');
  return (
    <Confirm
      title={t('pause.title', { name: job.name || job.id })}
      action={t('action.pause')}
      onClose={onClose}
      onConfirm={async () => {
        const moment = until === '' ? undefined : (fromLocalInput(until, locale.timeZone) ?? until);
        onPaused(await pauseJob(job.id, moment, reason.trim() || undefined));
      }}
    >
      <Field label={t('pause.until')} hint={t('pause.untilHint')}>
        <input type="datetime-local" step="1" value={until} onChange={(event) => setUntil(event.target.value)} />
      </Field>
      <Field label={t('runs.reason')}>
        <input type="text" maxLength={1000} value={reason} onChange={(event) => setReason(event.target.value)} />
      </Field>
    </Confirm>
  );
}

interface ResumeProps {
  job: Job;
  onResumed: (job: Job) => void;
  onClose: () => void;
}

/** Goes on where the pause began. */
export function CatchUp({ job, onResumed, onClose }: ResumeProps) {
  const { t } = useI18n();
  return (
    <Confirm
      title={t('pause.catchUpTitle', { name: job.name || job.id })}
      action={t('action.resume')}
      onClose={onClose}
      onConfirm={async () => onResumed(await resumeJob(job.id, 'last'))}
    >
      {t('pause.catchUpText')}
    </Confirm>
  );
}
