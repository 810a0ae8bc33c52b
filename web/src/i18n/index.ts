import { useMemo, useSyncExternalStore } from 'react';
import { type Language, useSettings } from '../lib/settings';
import { type Locale, resolveZone } from '../lib/time';
import { en } from './en';

export type Key = keyof typeof en;
export type Messages = Record<Key, string>;
export type Params = Readonly<Record<string, string | number>>;
export type Translate = (key: Key, params?: Params) => string;

// English is always there; others are loaded when they are chosen.
const loaded = new Map<Language, Messages>([['en', en]]);
const listeners = new Set<() => void>();

/** Loads a language's texts; until then English shows. */
export async function loadLanguage(language: Language): Promise<void> {
  if (loaded.has(language)) return;
  const { zh } = await import('./zh');
  loaded.set('zh-CN', zh);
  for (const listener of listeners) listener();
}

/**
 * Fills in `{name}`. Where a text has two forms, `one|other`, the parameter `n`
 * chooses.
 */
export function fill(text: string, params: Params = {}): string {
  const forms = text.split('|');
  const form = forms.length === 2 && params.n !== undefined ? forms[params.n === 1 ? 0 : 1] : text;
  return (form ?? text).replace(/\{(\w+)\}/g, (whole, name: string) => String(params[name] ?? whole));
}

/** The texts of a language as a function. */
export function translator(language: Language): Translate {
  const messages = loaded.get(language) ?? en;
  return (key, params) => fill(messages[key], params);
}

/** Whether a text of this name exists: for words that come from the server. */
export function isKey(key: string): key is Key {
  return Object.hasOwn(en, key);
}

interface I18n {
  t: Translate;
  language: Language;
  /** For lib/time. */
  locale: Locale;
}

export function useI18n(): I18n {
  const { language, timeZone } = useSettings();
  const messages = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => loaded.get(language) ?? en,
  );
  return useMemo(
    () => ({ t: (key, params) => fill(messages[key], params), language, locale: { language, timeZone: resolveZone(timeZone) } }),
    [messages, language, timeZone],
  );
}
