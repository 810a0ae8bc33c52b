import { useId, useMemo } from 'react';
import { Field } from '../../components/Field';
import { useI18n } from '../../i18n';

interface Props {
  value: string;
  onChange: (zone: string) => void;
  error?: string;
}

/** An IANA zone, with those that the browser knows to choose from. */
export function TimeZone({ value, onChange, error }: Props) {
  const { t } = useI18n();
  const list = useId();
  const zones = useMemo(() => ['UTC', ...Intl.supportedValuesOf('timeZone')], []);
  return (
    <>
      <Field label={t('editor.timeZone')} error={error}>
        <input type="text" list={list} autoComplete="off" spellCheck={false} value={value} onChange={(event) => onChange(event.target.value)} />
      </Field>
      <datalist id={list}>
        {zones.map((zone) => (
          <option key={zone} value={zone} />
        ))}
      </datalist>
    </>
  );
}
