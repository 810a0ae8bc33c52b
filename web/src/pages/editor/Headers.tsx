import { Button, IconButton } from '../../components/Button';
import { useI18n } from '../../i18n';
import { type Header, newHeader, sameHeaders } from './draft';
import type { Faults } from './faults';

interface Props {
  headers: readonly Header[];
  onChange: (headers: Header[]) => void;
  faults: Faults;
}

/** Names and values that go with the call. */
export function Headers({ headers, onChange, faults }: Props) {
  const { t } = useI18n();
  const same = sameHeaders(headers);
  const set = (key: number, change: Partial<Header>): void => onChange(headers.map((h) => (h.key === key ? { ...h, ...change } : h)));
  return (
    <fieldset className="headers-field">
      <legend>{t('editor.headers')}</legend>
      {headers.map((header, i) => {
        const twin = same.get(header.key);
        const fault = twin === undefined ? (faults[`request.headers.${header.name}`] ?? faults['request.headers']) : t('editor.sameHeader', { name: twin });
        const below = fault ? `header-${header.key}` : undefined;
        return (
          <div key={header.key} className="header-row">
            <input
              type="text"
              className="mono"
              aria-label={t('editor.headerName', { n: i + 1 })}
              aria-invalid={fault ? true : undefined}
              aria-describedby={below}
              placeholder="X-Name"
              spellCheck={false}
              value={header.name}
              onChange={(event) => set(header.key, { name: event.target.value })}
            />
            <input
              type="text"
              className="mono"
              aria-label={t('editor.headerValue', { n: i + 1 })}
              spellCheck={false}
              value={header.value}
              onChange={(event) => set(header.key, { value: event.target.value })}
            />
            <IconButton icon="cross" label={t('editor.removeHeader', { n: i + 1 })} onClick={() => onChange(headers.filter((h) => h.key !== header.key))} />
            {fault && (
              <p id={below} className="field-error">
                {fault}
              </p>
            )}
          </div>
        );
      })}
      <Button kind="quiet" icon="plus" onClick={() => onChange([...headers, newHeader()])}>
        {t('editor.addHeader')}
      </Button>
    </fieldset>
  );
}
