import { useState } from 'react';
import { Confirm } from '../../components/Confirm';
import { Field } from '../../components/Field';
import { useI18n } from '../../i18n';
import { count } from '../../lib/number';

interface DeleteProps {
  size: number;
  /** The first of them. */
  names: readonly string[];
  onConfirm: () => Promise<void>;
  onClose: () => void;
}

/** Asks before many jobs are deleted, naming the first of them. */
export function BulkDelete({ size, names, onConfirm, onClose }: DeleteProps) {
  const { t, language } = useI18n();
  return (
    <Confirm title={t('bulk.deleteTitle', { n: size, count: count(size, language) })} action={t('action.delete')} danger onConfirm={onConfirm} onClose={onClose}>
      {names.length > 0 && (
        <ul className="names">
          {names.map((name) => (
            <li key={name}>{name}</li>
          ))}
          {size > names.length && <li className="soft">{t('bulk.more', { n: size - names.length })}</li>}
        </ul>
      )}
      <p>{t('jobs.deleteText')}</p>
    </Confirm>
  );
}

interface TagProps {
  size: number;
  remove: boolean;
  onConfirm: (tag: string) => Promise<void>;
  onClose: () => void;
}

/** Asks which tag many jobs get, or lose. */
export function BulkTag({ size, remove, onConfirm, onClose }: TagProps) {
  const { t } = useI18n();
  const [tag, setTag] = useState('');
  return (
    <Confirm
      title={t(remove ? 'bulk.untagTitle' : 'bulk.tagTitle', { n: size })}
      action={t(remove ? 'action.untag' : 'action.tag')}
      onConfirm={() => onConfirm(tag.trim())}
      onClose={onClose}
    >
      <Field label={t('editor.tag')}>
        <input type="text" required maxLength={64} autoFocus value={tag} onChange={(event) => setTag(event.target.value)} />
      </Field>
    </Confirm>
  );
}
