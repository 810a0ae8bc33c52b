import type { Imported, ImportedJob } from '../../api/transfer';
import { Changes } from '../../components/Changes';
import { Glyph } from '../../components/icons';
import { useI18n } from '../../i18n';
import { diff } from '../../lib/diff';
import { count } from '../../lib/number';

const kinds = ['deleted', 'updated', 'created', 'unchanged'] as const;
const signs = { created: '+', updated: '~', deleted: '−', unchanged: '=' } as const;
const shown = 200;

/** What an import would do, job by job and member by member. */
export function ImportDiff({ plan }: { plan: Imported }) {
  const { t, language } = useI18n();
  const changes = new Map(plan.changes?.map((change) => [change.id, diff(change.before, change.after)]));
  const jobs = new Map(plan.jobs.map((job) => [job.id, job]));
  const notes = [
    ...plan.skipped.map((s) => t('paste.skipped', { line: s.line, reason: s.reason })),
    ...plan.warnings.map((w) => `${w.id}: ${w.message}`),
  ];
  return (
    <div className="import-diff" role="status">
      {kinds.map((kind) => {
        const ids = plan[kind];
        if (ids.length === 0) return null;
        return (
          <details key={kind} className={`import-${kind}`} open={kind !== 'unchanged' && ids.length <= 20}>
            <summary>
              <b className="mono">{signs[kind]}</b> {t(`import.${kind}`)} <span className="num">{count(ids.length, language)}</span>
            </summary>
            <ul>
              {ids.slice(0, shown).map((id) => (
                <li key={id}>
                  <Job id={id} job={jobs.get(id)} />
                  {kind === 'updated' && <Changes changes={changes.get(id) ?? []} />}
                </li>
              ))}
              {ids.length > shown && <li className="soft">{t('bulk.more', { n: ids.length - shown })}</li>}
            </ul>
          </details>
        );
      })}
      {notes.length > 0 && (
        <ul className="outlook-warnings">
          {notes.slice(0, shown).map((note) => (
            <li key={note}>
              <Glyph name="warn" width="14" height="14" />
              <span>{note}</span>
            </li>
          ))}
          {notes.length > shown && <li className="soft">{t('bulk.more', { n: notes.length - shown })}</li>}
        </ul>
      )}
    </div>
  );
}

/** The jobs that would be deleted, by name. */
export function Deletions({ plan }: { plan: Imported }) {
  const { t } = useI18n();
  const jobs = new Map(plan.jobs.map((job) => [job.id, job]));
  return (
    <ul className="import-deletions">
      {plan.deleted.slice(0, shown).map((id) => (
        <li key={id}>
          <Job id={id} job={jobs.get(id)} />
        </li>
      ))}
      {plan.deleted.length > shown && <li className="soft">{t('bulk.more', { n: plan.deleted.length - shown })}</li>}
    </ul>
  );
}

/** A job with what it does: its schedule in words, its call, its next moment. */
function Job({ id, job }: { id: string; job: ImportedJob | undefined }) {
  const { t, language } = useI18n();
  const next = job?.next[0];
  return (
    <>
      <span className="mono">{id}</span>
      {job && job.name !== '' && job.name !== id && <span> {job.name}</span>}
      {job && (
        <span className="soft import-job">
          {language === 'en' ? job.schedule_description.en : job.schedule_description.zh}
          <br />
          <span className="mono">
            {job.method} {job.url}
          </span>
          {next && (
            <>
              <br />
              {t('import.next', { time: next.local.replace('T', ' '), zone: job.time_zone })}
            </>
          )}
        </span>
      )}
    </>
  );
}
