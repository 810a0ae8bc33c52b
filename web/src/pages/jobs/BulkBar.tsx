import { useState } from 'react';
import type { Job } from '../../api/client';
import { type BulkAction, bulk, type BulkResult } from '../../api/bulk';
import { Button } from '../../components/Button';
import { Dialog } from '../../components/Dialog';
import { toast } from '../../components/Toasts';
import { type Key, useI18n } from '../../i18n';
import { errorText, problemText } from '../../i18n/words';
import type { JobFilter } from '../../lib/filters';
import { count } from '../../lib/number';
import { BulkDelete, BulkTag } from './BulkDialogs';
import { type Selection, sizeOf } from './selection';

interface Props {
  selection: Selection;
  filter: JobFilter;
  total: number;
  names: ReadonlyMap<string, Job>;
  onClear: () => void;
  onDone: () => void;
}

const done: Record<BulkAction, Key> = {
  run: 'bulk.run',
  pause: 'bulk.pause',
  resume: 'bulk.resume',
  tag: 'bulk.tag',
  untag: 'bulk.untag',
  delete: 'bulk.delete',
};

/** What can be done with many jobs at once. What went wrong with some of them is told one by one. */
export function BulkBar({ selection, filter, total, names, onClear, onDone }: Props) {
  const { t, language } = useI18n();
  const [asking, setAsking] = useState<'tag' | 'untag' | 'delete' | null>(null);
  const [result, setResult] = useState<BulkResult | null>(null);
  const [busy, setBusy] = useState(false);
  const size = sizeOf(selection, total);

  const act = async (action: BulkAction, tag?: string): Promise<void> => {
    setBusy(true);
    try {
      const answer = await bulk(action, selection, filter, tag);
      onDone();
      setAsking(null);
      if (answer.errors.length > 0) setResult(answer);
      else {
        toast('ok', t(done[action], { n: answer.changed, count: count(answer.changed, language) }));
        onClear();
      }
    } catch (error) {
      toast('fail', errorText(error, t));
    } finally {
      setBusy(false);
    }
  };
  const first = [...selection.ids].slice(0, 5).map((id) => names.get(id)?.name || id);
  return (
    <>
      <div className="bulk" role="toolbar" aria-label={t('bulk.label')}>
        <strong className="num" role="status">
          {t('bulk.selected', { n: size, count: count(size, language) })}
        </strong>
        <Button icon="play" disabled={busy} needs="write" onClick={() => void act('run')}>
          {t('action.run')}
        </Button>
        <Button icon="pause" disabled={busy} needs="write" onClick={() => void act('pause')}>
          {t('action.pause')}
        </Button>
        <Button icon="retry" disabled={busy} needs="write" onClick={() => void act('resume')}>
          {t('action.resume')}
        </Button>
        <Button icon="plus" disabled={busy} needs="write" onClick={() => setAsking('tag')}>
          {t('action.tag')}
        </Button>
        <Button icon="dash" disabled={busy} needs="write" onClick={() => setAsking('untag')}>
          {t('action.untag')}
        </Button>
        <Button kind="danger" icon="trash" disabled={busy} needs="write" onClick={() => setAsking('delete')}>
          {t('action.delete')}
        </Button>
        <Button kind="quiet" icon="cross" hint="Esc" onClick={onClear}>
          {t('bulk.clear')}
        </Button>
      </div>
      {asking === 'delete' && <BulkDelete size={size} names={first} onConfirm={() => act('delete')} onClose={() => setAsking(null)} />}
      {(asking === 'tag' || asking === 'untag') && (
        <BulkTag size={size} remove={asking === 'untag'} onConfirm={(tag) => act(asking, tag)} onClose={() => setAsking(null)} />
      )}
      {result && (
        <Dialog title={t('bulk.partly', { changed: result.changed, matched: result.matched })} onClose={() => setResult(null)} className="wide">
          <ul className="bulk-errors">
            {result.errors.map((error) => (
              <li key={error.id}>
                <strong>{names.get(error.id)?.name || error.id}</strong> {problemText(error.code, error.message, t)}
              </li>
            ))}
          </ul>
          <div className="dialog-actions">
            <Button kind="primary" autoFocus onClick={() => setResult(null)}>
              {t('action.close')}
            </Button>
          </div>
        </Dialog>
      )}
    </>
  );
}
