import { Check, Field } from '../../components/Field';
import { type Key, useI18n } from '../../i18n';
import type { RequestInput } from './draft';
import type { Faults } from './faults';

type Auth = NonNullable<RequestInput['auth']>;

interface Props {
  request: RequestInput;
  onChange: (change: Partial<RequestInput>) => void;
  faults: Faults;
}

/** The members of each kind, and whether they are secret. */
const members: Record<Auth['type'], readonly { name: 'username' | 'password' | 'token' | 'token_url' | 'client_id' | 'client_secret'; word: Key; secret?: boolean }[]> = {
  basic: [
    { name: 'username', word: 'auth.username' },
    { name: 'password', word: 'auth.password', secret: true },
  ],
  bearer: [{ name: 'token', word: 'auth.token', secret: true }],
  oauth2: [
    { name: 'token_url', word: 'auth.tokenURL' },
    { name: 'client_id', word: 'auth.clientId' },
    { name: 'client_secret', word: 'auth.clientSecret', secret: true },
  ],
};

/** How the target learns who calls, and how its connection is made. */
export function AuthFields({ request, onChange, faults }: Props) {
  const { t } = useI18n();
  const auth = request.auth ?? null;
  const set = (change: Partial<Auth>): void => onChange({ auth: { ...(auth ?? { type: 'basic' }), ...change } });
  return (
    <>
      <div className="pair">
        <Field label={t('editor.authType')} error={faults['request.auth.type'] ?? faults['request.auth']}>
          <select
            value={auth?.type ?? ''}
            onChange={(event) => {
              const type = (['basic', 'bearer', 'oauth2'] as const).find((x) => x === event.target.value);
              onChange({ auth: type ? { type } : null });
            }}
          >
            <option value="">{t('auth.none')}</option>
            <option value="basic">{t('auth.basic')}</option>
            <option value="bearer">{t('auth.bearer')}</option>
            <option value="oauth2">{t('auth.oauth2')}</option>
          </select>
        </Field>
        {auth &&
          members[auth.type].map(({ name, word, secret }) => (
            <Field key={name} label={t(word)} error={faults[`request.auth.${name}`]} hint={secret ? t('auth.secretHint', { secret: '{{ secret.NAME }}' }) : undefined}>
              <input
                type={secret && !(auth[name] ?? '').startsWith('{{') ? 'password' : 'text'}
                className="mono"
                autoComplete="off"
                value={auth[name] ?? ''}
                onChange={(event) => set({ [name]: event.target.value })}
              />
            </Field>
          ))}
        {auth?.type === 'oauth2' && (
          <Field label={t('auth.scopes')} error={faults['request.auth.scopes']}>
            <input
              type="text"
              className="mono"
              value={(auth.scopes ?? []).join(' ')}
              onChange={(event) => set({ scopes: event.target.value.split(' ') })}
              onBlur={() => set({ scopes: (auth.scopes ?? []).filter(Boolean) })}
            />
          </Field>
        )}
      </div>
      <div className="pair">
        <Field label={t('editor.signing')} error={faults['request.signing_secret']} hint={t('editor.signingHint')}>
          <input
            type="text"
            className="mono"
            autoComplete="off"
            placeholder="whsec_…"
            value={request.signing_secret ?? ''}
            onChange={(event) => onChange({ signing_secret: event.target.value || undefined })}
          />
        </Field>
        <Field label={t('editor.redirects')} error={faults['request.follow_redirects']} hint={t('editor.redirectsHint')}>
          <input
            type="number"
            min={0}
            max={10}
            value={request.follow_redirects ?? 0}
            onChange={(event) => onChange({ follow_redirects: event.target.valueAsNumber || 0 })}
          />
        </Field>
      </div>
      <Check label={t('editor.insecure')} checked={request.insecure_tls ?? false} onChange={(insecure_tls) => onChange({ insecure_tls })} />
    </>
  );
}
