import type { Language } from './settings';

/** How moments are shown: in which language and which zone. */
export interface Locale {
  language: Language;
  /** An IANA name. */
  timeZone: string;
}

/** The zone that the setting stands for. */
export function resolveZone(setting: string): string {
  return setting === 'local' ? Intl.DateTimeFormat().resolvedOptions().timeZone : setting;
}

/** Whether the browser knows the zone. Half of a name, as while one is typed, is none. */
export function isTimeZone(name: string): boolean {
  try {
    return Boolean(new Intl.DateTimeFormat('en', { timeZone: name }));
  } catch {
    return false;
  }
}

const formats = new Map<string, Intl.DateTimeFormat>();

function format(locale: Locale, name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${locale.language} ${locale.timeZone} ${name}`;
  let known = formats.get(key);
  if (!known) {
    known = new Intl.DateTimeFormat(locale.language, { hourCycle: 'h23', timeZone: locale.timeZone, ...options });
    formats.set(key, known);
  }
  return known;
}

/** `09:05:07`, or `09:05` without seconds. */
export function clock(at: number, locale: Locale, seconds = true): string {
  const options: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit' };
  if (seconds) options.second = '2-digit';
  return format(locale, seconds ? 'clock' : 'short', options).format(at);
}

/** `2026-11-18`, in every language. */
export function isoDate(at: number, locale: Locale): string {
  const values: Partial<Record<Intl.DateTimeFormatPartTypes, string>> = {};
  const whole = format({ ...locale, language: 'en' }, 'date', { year: 'numeric', month: '2-digit', day: '2-digit' });
  for (const part of whole.formatToParts(at)) values[part.type] = part.value;
  return `${values.year}-${values.month}-${values.day}`;
}

/** `Wed`, `周三`. */
export function weekday(at: number, locale: Locale): string {
  return format(locale, 'weekday', { weekday: 'short' }).format(at);
}

/** `2026-11-18 09:05:07`. */
export function dateTime(at: number, locale: Locale): string {
  return `${isoDate(at, locale)} ${clock(at, locale)}`;
}

/** The clock when the moment is today, the day and the clock otherwise. */
export function nearTime(at: number, now: number, locale: Locale): string {
  const day = isoDate(at, locale);
  if (day === isoDate(now, locale)) return clock(at, locale);
  const short = format(locale, 'day', { month: 'short', day: 'numeric' }).format(at);
  const sameYear = day.slice(0, 4) === isoDate(now, locale).slice(0, 4);
  return sameYear ? `${short} ${clock(at, locale, false)}` : day;
}

/** The zone's distance from UTC at that moment: `+08:00`. */
export function offsetOf(at: number, locale: Locale): string {
  const name = format({ ...locale, language: 'en' }, 'offset', { timeZoneName: 'longOffset' })
    .formatToParts(at)
    .find((part) => part.type === 'timeZoneName')?.value;
  const offset = (name ?? '').replace(/^(GMT|UTC)/, '');
  return offset === '' ? '+00:00' : offset;
}

/** The moment as the value of a datetime-local input in that zone, with seconds. */
export function toLocalInput(at: number, timeZone: string): string {
  return dateTime(at, { language: 'en', timeZone }).replace(' ', 'T');
}

/**
 * The moment that a datetime-local value names in that zone, as RFC 3339 with
 * the zone's offset; null when it is no date. A time that a change of clocks
 * skips is later by the gap.
 */
export function fromLocalInput(value: string, timeZone: string): string | null {
  const wall = Date.parse(`${value}Z`);
  if (Number.isNaN(wall)) return null;
  const zone: Locale = { language: 'en', timeZone };
  const guess = wall - offsetMs(offsetOf(wall, zone));
  const offset = offsetMs(offsetOf(guess, zone));
  const at = wall - offset;
  // In a gap the two guesses disagree: the earlier offset gives the later moment.
  const settled = offsetMs(offsetOf(at, zone)) === offset ? at : Math.max(at, guess);
  return `${toLocalInput(settled, timeZone)}${offsetOf(settled, zone)}`;
}

function offsetMs(offset: string): number {
  const match = /^([+-])(\d\d):(\d\d)$/.exec(offset);
  if (!match) return 0;
  const ms = (Number(match[2]) * 60 + Number(match[3])) * 60_000;
  return match[1] === '-' ? -ms : ms;
}
