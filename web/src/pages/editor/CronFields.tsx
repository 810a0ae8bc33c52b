import { Field } from '../../components/Field';
import { useI18n } from '../../i18n';
import { cronFields, type ScheduleDraft } from './draft';
import type { Faults } from './faults';

interface Props {
  fields: ScheduleDraft['fields'];
  onChange: (fields: ScheduleDraft['fields']) => void;
  faults: Faults;
}

/** APScheduler's fields, for jobs that came with them. */
export function CronFields({ fields, onChange, faults }: Props) {
  const { t } = useI18n();
  return (
    <div className="cron-fields">
      {cronFields.map((name) => (
        <Field key={name} label={t(`cron.${name}`)} error={faults[`schedule.fields.${name}`]}>
          <input type="text" className="mono" spellCheck={false} value={fields[name]} onChange={(event) => onChange({ ...fields, [name]: event.target.value })} />
        </Field>
      ))}
    </div>
  );
}
