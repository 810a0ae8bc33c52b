import { useI18n } from '../../i18n';
import { type RunFilter, states, triggers } from '../../lib/filters';
import { fromLocalInput, toLocalInput } from '../../lib/time';
import { Glyph } from '../../components/icons';
import { JobName } from '../../components/JobName';

interface Props {
  filter: RunFilter;
  onChange: (change: Partial<RunFilter>) => void;
  /** Leaves out what is fixed: the job. */
  ofJob?: boolean;
}

/** What narrows a list of runs; all of it is in the address. */
export function RunToolbar({ filter, onChange, ofJob = false }: Props) {
  const { t } = useI18n();
  return (
    <div className="toolbar">
      <select aria-label={t('runs.state')} value={filter.state} onChange={(event) => onChange({ state: states.find((x) => x === event.target.value) ?? '' })}>
        <option value="">{t('filter.anyState')}</option>
        {states.map((state) => (
          <option key={state} value={state}>
            {t(`state.${state}`)}
          </option>
        ))}
      </select>
      <select
        aria-label={t('runs.trigger')}
        value={filter.trigger}
        onChange={(event) => onChange({ trigger: triggers.find((x) => x === event.target.value) ?? '' })}
      >
        <option value="">{t('filter.anyTrigger')}</option>
        {triggers.map((trigger) => (
          <option key={trigger} value={trigger}>
            {t(`trigger.${trigger}`)}
          </option>
        ))}
      </select>
      {!ofJob && (
        <>
          <Edge label={t('filter.since')} value={filter.since} onChange={(since) => onChange({ since })} />
          <Edge label={t('filter.until')} value={filter.until} onChange={(until) => onChange({ until })} />
        </>
      )}
      {filter.job && !ofJob && (
        <button type="button" className="chip" onClick={() => onChange({ job: '' })} aria-label={t('filter.remove', { filter: filter.job })}>
          <JobName id={filter.job} />
          <Glyph name="cross" width="12" height="12" />
        </button>
      )}
    </div>
  );
}

function Edge({ label, value, onChange }: { label: string; value: string; onChange: (value: string) => void }) {
  const { locale } = useI18n();
  const local = value === '' ? '' : toLocalInput(Date.parse(value), locale.timeZone);
  return (
    <label className="edge">
      <span>{label}</span>
      <input
        type="datetime-local"
        step="1"
        value={local}
        onChange={(event) => onChange(event.target.value === '' ? '' : (fromLocalInput(event.target.value, locale.timeZone) ?? ''))}
      />
    </label>
  );
}
