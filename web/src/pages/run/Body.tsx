import { useMemo, useState } from 'react';
import { Code } from '../../components/Code';
import { CopyButton } from '../../components/Copy';
import { Segmented } from '../../components/Segmented';
import { useI18n } from '../../i18n';
import { indentJSON } from '../../lib/json';
import { bytes } from '../../lib/number';

interface Props {
  text: string;
  encoding: string;
  truncated?: boolean;
  label: string;
}

/** A body to the letter. One that is JSON can also be shown indented, which changes white space only. */
export function Body({ text, encoding, truncated = false, label }: Props) {
  const { t } = useI18n();
  const [form, setForm] = useState<'raw' | 'indented'>('raw');
  const indented = useMemo(() => (encoding === 'base64' ? null : indentJSON(text)), [text, encoding]);
  if (text === '') return <p className="soft exchange-none">{t('run.emptyBody')}</p>;
  const binary = encoding === 'base64';
  return (
    <>
      <div className="definition-head">
        <span className="soft num">
          {binary ? t('run.binary', { size: bytes(Math.floor((text.length * 3) / 4)) }) : bytes(new TextEncoder().encode(text).length)}
          {truncated && ` · ${t('run.truncated')}`}
        </span>
        {indented !== null && (
          <Segmented
            label={t('run.form')}
            value={form}
            onChange={setForm}
            options={[
              { value: 'raw', label: t('run.raw') },
              { value: 'indented', label: t('run.indented') },
            ]}
          />
        )}
        <CopyButton text={text} label={t('action.copy')} />
      </div>
      <Code text={form === 'indented' && indented !== null ? indented : text} highlight={indented !== null} label={label} />
    </>
  );
}
