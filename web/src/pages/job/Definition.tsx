import { useState } from 'react';
import type { Job } from '../../api/client';
import { Code } from '../../components/Code';
import { CopyButton } from '../../components/Copy';
import { Segmented } from '../../components/Segmented';
import { useI18n } from '../../i18n';
import { toCurl } from '../../lib/curl';
import { definitionOf } from './definitionOf';

/** A job as it can be sent to the API, and its request as a command. */
export function Definition({ job }: { job: Job }) {
  const { t } = useI18n();
  const [form, setForm] = useState<'json' | 'curl'>('json');
  const text = form === 'json' ? JSON.stringify(definitionOf(job), null, 2) : toCurl(job.request);
  return (
    <div className="definition">
      <div className="definition-head">
        <Segmented
          label={t('job.form')}
          value={form}
          onChange={setForm}
          options={[
            { value: 'json', label: 'JSON' },
            { value: 'curl', label: 'cURL' },
          ]}
        />
        <CopyButton text={text} label={t('action.copy')} />
      </div>
      <Code text={text} highlight={form === 'json'} />
    </div>
  );
}
