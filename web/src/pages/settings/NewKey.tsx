import { useState } from 'react';
import { api, unwrap } from '../../api/client';
import type { components } from '../../api/schema';
import { Confirm } from '../../components/Confirm';
import { Field } from '../../components/Field';
import { useI18n } from '../../i18n';
import { now } from '../../lib/clock';

type MadeKey = components['schemas']['NewKey'];
type Scope = components['schemas']['Scope'];

const scopes: readonly Scope[] = ['read', 'run', 'write', 'admin'];
const day = 86_400_000;
const ends = { never: 0, d30: 30, d90: 90, d365: 365 } as const;

interface Props {
  /** The first key must be able to do everything, for good. */
  first: boolean;
  onMade: (key: MadeKey) => void;
  onClose: () => void;
}

/** Asks what a new key is for. */
export function NewKey({ first, onMade, onClose }: Props) {
  const { t } = useI18n();
  const [name, setName] = useState('');
  const [scope, setScope] = useState<Scope>(first ? 'admin' : 'write');
  const [end, setEnd] = useState<keyof typeof ends>('never');
  return (
    <Confirm
      title={t('keys.make')}
      action={t('keys.make')}
      onClose={onClose}
      onConfirm={async () => {
        const days = ends[end];
        const expires_at = days === 0 ? null : new Date(now() + days * day).toISOString();
        const key = await unwrap(api.POST('/api/v1/keys', { body: { name: name.trim(), scope, expires_at } }));
        // From the first key on every caller needs one: this page takes the new one at once.
        if (first) await unwrap(api.POST('/api/v1/session', { body: { key: key.key } }));
        onMade(key);
      }}
    >
      {first && <p>{t('keys.first')}</p>}
      <Field label={t('jobs.name')} hint={t('keys.nameHint')}>
        <input type="text" required maxLength={100} autoFocus value={name} onChange={(event) => setName(event.target.value)} />
      </Field>
      <div className="pair">
        <Field label={t('keys.scope')}>
          <select value={scope} disabled={first} onChange={(event) => setScope(scopes.find((s) => s === event.target.value) ?? scope)}>
            {scopes.map((s) => (
              <option key={s} value={s}>
                {t(`scope.${s}`)}
              </option>
            ))}
          </select>
        </Field>
        <Field label={t('keys.expires')}>
          <select value={end} disabled={first} onChange={(event) => setEnd((Object.keys(ends) as (keyof typeof ends)[]).find((e) => e === event.target.value) ?? end)}>
            <option value="never">{t('keys.never')}</option>
            <option value="d30">{t('keys.days', { n: 30 })}</option>
            <option value="d90">{t('keys.days', { n: 90 })}</option>
            <option value="d365">{t('keys.days', { n: 365 })}</option>
          </select>
        </Field>
      </div>
    </Confirm>
  );
}
