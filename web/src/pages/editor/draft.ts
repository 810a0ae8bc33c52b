import type { Job, JobInput, Schedule } from '../../api/client';
import { fromLocalInput, isTimeZone, toLocalInput } from '../../lib/time';
import type { components } from '../../api/schema';

export type PolicyInput = components['schemas']['PolicyInput'];
export type RequestInput = components['schemas']['RequestInput'];

export interface Header {
  key: number;
  name: string;
  value: string;
}

export const cronFields = ['second', 'minute', 'hour', 'day', 'week', 'day_of_week', 'month', 'year'] as const;

export const periodUnits = ['days', 'weeks', 'months', 'years'] as const;
export type PeriodUnit = (typeof periodUnits)[number];

/** A schedule as it is being written; every kind keeps its text while another is looked at. */
export interface ScheduleDraft {
  type: Schedule['type'];
  form: 'expression' | 'fields';
  expression: string;
  fields: Record<(typeof cronFields)[number], string>;
  every: string;
  /** A calendar interval: every `count` units at `clock`, in weeks on `weekdays`. */
  count: string;
  unit: PeriodUnit;
  clock: string;
  weekdays: string;
  overflow: 'last' | 'skip';
  /** `cn workday`, or empty for all days. */
  calendar: string;
  otherwise: 'skip' | 'next' | 'previous';
  /** Moments are in the draft's own zone, as inputs have them: `2026-11-18T09:00:00`. */
  at: string;
  timeZone: string;
  startAt: string;
  endAt: string;
  exclude: string;
}

/** A job as it is being written. What the editor has no control for stays in `base`. */
export interface Draft {
  base: Partial<JobInput>;
  id: string;
  name: string;
  description: string;
  tags: string;
  request: RequestInput;
  headers: Header[];
  schedule: ScheduleDraft;
  policy: PolicyInput;
}

const noFields = Object.fromEntries(cronFields.map((name) => [name, ''])) as ScheduleDraft['fields'];

let lastKey = 0;

export function newHeader(name = '', value = ''): Header {
  return { key: ++lastKey, name, value };
}

/** A draft to begin with. */
export function emptyDraft(timeZone: string, now: number): Draft {
  return {
    base: {},
    id: '',
    name: '',
    description: '',
    tags: '',
    request: { method: 'GET', url: '', body: '' },
    headers: [],
    schedule: {
      type: 'cron',
      form: 'expression',
      expression: '0 9 * * *',
      fields: noFields,
      every: '10m',
      count: '2',
      unit: 'weeks',
      clock: '09:00',
      weekdays: '',
      overflow: 'last',
      calendar: '',
      otherwise: 'skip',
      at: toLocalInput(Math.ceil(now / 3_600_000) * 3_600_000, timeZone),
      timeZone,
      startAt: '',
      endAt: '',
      exclude: '',
    },
    policy: {},
  };
}

/** A draft of what exists, or of what was pasted: of a command the schedule is null. */
export function draftOf(job: Pick<Job, 'id' | 'name' | 'description' | 'tags' | 'request' | 'policy'> & { schedule: Schedule | null }, empty: Draft): Draft {
  const { id, name, description, tags, request, policy, schedule } = job;
  return {
    base: { schedule: schedule ?? undefined },
    id,
    name,
    description,
    tags: tags.join(', '),
    request,
    headers: Object.entries(request.headers).map(([key, value]) => newHeader(key, value)),
    schedule: schedule ? scheduleDraft(schedule, empty.schedule) : empty.schedule,
    policy,
  };
}

function scheduleDraft(s: Schedule, empty: ScheduleDraft): ScheduleDraft {
  const timeZone = s.time_zone ?? 'UTC';
  const local = (at: string | null | undefined): string => (at ? toLocalInput(Date.parse(at), knownZone(timeZone)) : '');
  const fields = { ...noFields };
  for (const name of cronFields) fields[name] = String(s.fields?.[name] ?? '');
  return {
    type: s.type,
    form: s.fields ? 'fields' : 'expression',
    expression: s.expression ?? empty.expression,
    fields,
    every: typeof s.every === 'string' ? s.every : empty.every,
    ...periodDraft(s, empty),
    at: (s.type === 'date' && local(s.at)) || empty.at,
    timeZone,
    startAt: local(s.start_at),
    endAt: local(s.end_at),
    exclude: (s.exclude ?? []).map((entry) => (typeof entry === 'string' ? entry : JSON.stringify(entry))).join('\n'),
  };
}

/** What a calendar interval and a calendar are in the draft. */
function periodDraft(s: Schedule, empty: ScheduleDraft): Pick<ScheduleDraft, 'count' | 'unit' | 'clock' | 'weekdays' | 'overflow' | 'calendar' | 'otherwise'> {
  const every = typeof s.every === 'object' ? s.every : undefined;
  const unit = periodUnits.find((name) => every?.[name] !== undefined) ?? empty.unit;
  return {
    unit,
    count: String(every?.[unit] ?? empty.count),
    clock: s.type === 'calendar_interval' ? (s.at ?? empty.clock) : empty.clock,
    weekdays: (s.weekdays ?? []).join(', '),
    overflow: s.overflow ?? 'last',
    calendar: s.calendar ? `${s.calendar.id} ${s.calendar.on}` : '',
    otherwise: s.calendar?.otherwise ?? 'skip',
  };
}

/** The calendar as the API takes it. */
function toCalendar(s: ScheduleDraft): Schedule['calendar'] {
  const [id, on] = s.calendar.split(' ');
  return id ? { id, on: on === 'restday' ? 'restday' : 'workday', otherwise: s.otherwise } : undefined;
}

/** The schedule as the API takes it. */
export function toSchedule(s: ScheduleDraft, base?: Schedule): Schedule {
  const moment = (local: string): string | undefined => (local === '' ? undefined : (fromLocalInput(local, knownZone(s.timeZone)) ?? local));
  const common = {
    time_zone: s.timeZone,
    start_at: moment(s.startAt),
    end_at: moment(s.endAt),
    exclude: excludes(s.exclude),
    calendar: toCalendar(s),
  };
  switch (s.type) {
    case 'cron':
      return s.form === 'fields' ? { type: 'cron', fields: givenFields(s), ...common } : { type: 'cron', expression: s.expression.trim(), ...common };
    case 'interval':
      return { type: 'interval', every: s.every.trim(), anchor: base?.anchor, ...common };
    case 'calendar_interval':
      return {
        type: 'calendar_interval',
        every: { [s.unit]: Number(s.count) },
        at: s.clock,
        weekdays: s.unit === 'weeks' && s.weekdays.trim() !== '' ? s.weekdays.split(/[,，\s]+/).filter(Boolean) : undefined,
        overflow: s.unit === 'months' || s.unit === 'years' ? s.overflow : undefined,
        ...common,
      };
    case 'date':
      return { type: 'date', at: moment(s.at) ?? '', time_zone: s.timeZone };
  }
}

/** A zone to reckon with; the server says what is wrong with one that is none. */
function knownZone(name: string): string {
  return isTimeZone(name) ? name : 'UTC';
}

function givenFields(s: ScheduleDraft): Schedule['fields'] {
  return Object.fromEntries(Object.entries(s.fields).filter(([, value]) => value.trim() !== ''));
}

function excludes(text: string): Schedule['exclude'] {
  const lines = text.split('\n').map((line) => line.trim());
  const entries = lines.filter(Boolean).map((line) => {
    if (!line.startsWith('{')) return line;
    try {
      return JSON.parse(line) as Record<string, never>;
    } catch {
      return line;
    }
  });
  return entries.length > 0 ? entries : undefined;
}

/** The headers that have the name of one before them, whatever its case, by their keys: with that name. A job cannot have both. */
export function sameHeaders(headers: readonly Header[]): ReadonlyMap<number, string> {
  const first = new Map<string, string>();
  const same = new Map<number, string>();
  for (const header of headers) {
    const name = header.name.trim();
    const known = first.get(name.toLowerCase());
    if (name === '') continue;
    if (known === undefined) first.set(name.toLowerCase(), name);
    else same.set(header.key, known);
  }
  return same;
}

export function toRequest(draft: Draft): RequestInput {
  const headers = Object.fromEntries(draft.headers.filter((h) => h.name.trim() !== '').map((h) => [h.name.trim(), h.value]));
  return { ...draft.request, url: draft.request.url.trim(), headers };
}

/** The job as the API takes it. An empty id is left to the server. */
export function toInput(draft: Draft): JobInput {
  return {
    id: draft.id.trim() || undefined,
    name: draft.name.trim(),
    description: draft.description,
    tags: splitTags(draft.tags),
    schedule: toSchedule(draft.schedule, draft.base.schedule),
    request: toRequest(draft),
    policy: draft.policy,
  };
}

export function splitTags(text: string): string[] {
  return [...new Set(text.split(/[,，\s]+/).filter(Boolean))];
}
