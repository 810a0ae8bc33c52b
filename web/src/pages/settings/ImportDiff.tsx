import type { Imported } from '../../api/transfer';
import { Changes } from '../../components/Changes';
import { Glyph } from '../../components/icons';
import { useI18n } from '../../i18n';
import { diff } from '../../lib/diff';
import { count } from '../../lib/number';

const kinds = ['created', 'updated', 'deleted', 'unchanged'] as const;
const signs = { created: '+', updated: '~', deleted: '−', unchanged: '=' } as const;
const shown = 200;

/** What an import would do, job by job and member by member. */
export function ImportDiff({ plan }: { plan: Imported }) {
  const { t, language } = useI18n();
  const changes = new Map(plan.changes?.map((change) => [change.id, diff(change.before, change.after)]));
  const notes = [
    ...(plan.skipped ?? []).map((s) => t('paste.skipped', { line: s.line, reason: s.reason })),
    ...(plan.warnings ?? []).map((w) => `${w.id}: ${w.message}`),
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
                  <span className="mono">{id}</span>
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
          {notes.map((note) => (
            <li key={note}>
              <Glyph name="warn" width="14" height="14" />
              <span>{note}</span>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
