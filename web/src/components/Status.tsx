import { useI18n } from '../i18n';
import type { Job } from '../api/client';
import { jobLook, type Look, runLook } from '../lib/states';
import { Glyph } from './icons';

function Badge({ look }: { look: Look }) {
  const { t } = useI18n();
  return (
    <span className={`badge tone-${look.tone}`}>
      <Glyph name={look.icon} width="12" height="12" />
      {t(look.word)}
    </span>
  );
}

export function JobStatus({ job }: { job: Pick<Job, 'status' | 'last_run'> }) {
  return <Badge look={jobLook(job)} />;
}

export function RunStatus({ state }: { state: string }) {
  return <Badge look={runLook(state)} />;
}
