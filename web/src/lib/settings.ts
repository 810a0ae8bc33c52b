import { useSyncExternalStore } from 'react';
import { isTimeZone } from './time';

export type Theme = 'system' | 'light' | 'dark';
export type Density = 'normal' | 'compact';
export type Language = 'en' | 'zh-CN';

/** What a person chose for this browser. */
export interface Settings {
  theme: Theme;
  density: Density;
  language: Language;
  /** `local`, or an IANA name in which every time is shown. */
  timeZone: string;
}

const key = 'schedule-server:settings';

/** The language for a browser that nobody has set up. */
export function preferredLanguage(languages: readonly string[]): Language {
  return languages[0]?.toLowerCase().startsWith('zh') ? 'zh-CN' : 'en';
}

/** Reads stored settings; what is missing or wrong takes its default. */
export function parseSettings(text: string | null, languages: readonly string[]): Settings {
  let kept: Partial<Record<keyof Settings, unknown>> = {};
  try {
    const value: unknown = JSON.parse(text ?? '{}');
    if (typeof value === 'object' && value !== null) kept = value;
  } catch {
    // A spoilt entry is no reason not to start.
  }
  return {
    theme: kept.theme === 'light' || kept.theme === 'dark' ? kept.theme : 'system',
    density: kept.density === 'compact' ? 'compact' : 'normal',
    language: kept.language === 'en' || kept.language === 'zh-CN' ? kept.language : preferredLanguage(languages),
    timeZone: typeof kept.timeZone === 'string' && isTimeZone(kept.timeZone) ? kept.timeZone : 'local',
  };
}

function stored(): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

let current = parseSettings(stored(), navigator.languages);
const listeners = new Set<() => void>();

function publish(next: Settings): void {
  current = next;
  apply();
  for (const listener of listeners) listener();
}

/** Changes settings and keeps them in this browser. */
export function changeSettings(change: Partial<Settings>): void {
  const next = { ...current, ...change };
  try {
    localStorage.setItem(key, JSON.stringify(next));
  } catch {
    // They hold for this visit at least.
  }
  publish(next);
}

export function getSettings(): Settings {
  return current;
}

export function useSettings(): Settings {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, getSettings);
}

function apply(): void {
  const root = document.documentElement;
  const dark = current.theme === 'dark' || (current.theme === 'system' && darkSystem?.matches === true);
  root.dataset.theme = dark ? 'dark' : 'light';
  root.dataset.density = current.density;
  root.lang = current.language;
}

const darkSystem = typeof matchMedia === 'function' ? matchMedia('(prefers-color-scheme: dark)') : null;

/** Follows the system's theme and the settings of other tabs. Call once. */
export function watchSettings(): void {
  apply();
  darkSystem?.addEventListener('change', apply);
  addEventListener('storage', (event) => {
    if (event.key === key) publish(parseSettings(event.newValue, navigator.languages));
  });
}
