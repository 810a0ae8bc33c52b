import { useQuery } from '@tanstack/react-query';
import type { Job, Schedule } from '../api/client';
import { wordsQuery } from '../api/queries';
import { useI18n } from '../i18n';

/** A schedule in words, which only the server knows to say; until then as it was written. */
export function Words({ schedule, known }: { schedule: Schedule; known?: Job['schedule_description'] }) {
  const { language } = useI18n();
  const { data } = useQuery({ ...wordsQuery(schedule), enabled: known === undefined });
  const text = (known ?? data)?.[language === 'en' ? 'en' : 'zh'];
  return text ? <span title={text}>{text}</span> : <span className="mono soft">{written(schedule)}</span>;
}

/** A schedule as its author wrote it. */
export function written(schedule: Schedule): string {
  if (schedule.expression) return schedule.expression;
  if (typeof schedule.every === 'string') return schedule.every;
  if (schedule.every) return `${Object.entries(schedule.every).map(([unit, n]) => `${n} ${unit}`).join(' ')} ${schedule.at ?? ''}`;
  if (schedule.at) return schedule.at;
  const fields = Object.entries(schedule.fields ?? {}).filter(([, value]) => value !== null);
  return fields.map(([name, value]) => `${name}=${value}`).join(' ');
}
