import { basePath } from './client';
import { ApiError, toApiError } from './errors';
import type { components } from './schema';

export type Imported = components['schemas']['Imported'];
export type ImportedJob = components['schemas']['ImportedJob'];

export interface ImportOptions {
  dryRun: boolean;
  prune: boolean;
  /** How many jobs may be deleted: as many as somebody was shown and agreed to. */
  maxDeletes: number;
}

/** Sends a file as it is; the server recognises it, and says what it makes, or would make, of it. */
export async function importJobs(content: Blob, name: string, zone: string, options: ImportOptions): Promise<Imported> {
  const query = new URLSearchParams({ dry_run: String(options.dryRun), prune: String(options.prune), time_zone: zone });
  if (options.prune && !options.dryRun) query.set('max_deletes', String(options.maxDeletes));
  if (name !== '') query.set('filename', name);
  const response = await reach(`import?${query}`, { method: 'POST', headers: { 'Content-Type': 'application/octet-stream' }, body: content });
  return (await response.json()) as Imported;
}

/** All jobs as a file. */
export async function exportJobs(format: 'json' | 'yaml'): Promise<Blob> {
  const response = await reach('export', { headers: { Accept: `application/${format}` } });
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
