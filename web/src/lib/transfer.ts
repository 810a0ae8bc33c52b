/** The kinds of files that can be imported, by their content type. */
export const formats = {
  json: 'application/json',
  yaml: 'application/yaml',
  crontab: 'text/crontab',
  sqlite: 'application/vnd.sqlite3',
} as const;

export type Format = keyof typeof formats;

/** What a file is, by its name and its first bytes. */
export function formatOf(name: string, text: string): Format {
  if (text.startsWith('SQLite format 3')) return 'sqlite';
  if (/^\s*[[{]/.test(text)) return 'json';
  if (/\.ya?ml$/i.test(name) || /^\s*(---|jobs\s*:)/m.test(text)) return 'yaml';
  return 'crontab';
}
