import { formatOf, formats } from '../lib/transfer';
import { basePath } from './client';
import { ApiError, toApiError } from './errors';
import type { components } from './schema';

export type Imported = components['schemas']['Imported'];

/** Sends a file as it is; the server says what it makes, or would make, of it. */
export async function importJobs(content: Blob, name: string, zone: string, { prune, dryRun }: { prune: boolean; dryRun: boolean }): Promise<Imported> {
  const format = formatOf(name, await content.slice(0, 4096).text());
  const query = new URLSearchParams({ dry_run: String(dryRun), prune: String(prune) });
  if (format === 'crontab') query.set('time_zone', zone);
  const response = await reach(`import?${query}`, { method: 'POST', headers: { 'Content-Type': formats[format] }, body: content });
  return (await response.json()) as Imported;
}

/** All jobs as a file. */
export async function exportJobs(format: 'json' | 'yaml'): Promise<Blob> {
  const response = await reach('export', { headers: { Accept: formats[format] } });
  return response.blob();
}

async function reach(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(`${basePath}/api/v1/jobs/${path}`, init);
  } catch (cause) {
    throw new ApiError(0, 'unreachable', '', [], { cause });
  }
  if (!response.ok) throw toApiError(response.status, await response.json().catch(() => null));
  return response;
}
