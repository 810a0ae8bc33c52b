import { api, type Run, unwrap } from './client';

const at = (id: string) => ({ params: { path: { id } } });

export function cancelRun(id: string): Promise<Run> {
  return unwrap(api.POST('/api/v1/runs/{id}/cancel', at(id)));
}

export function retryRun(id: string): Promise<Run> {
  return unwrap(api.POST('/api/v1/runs/{id}/retry', { ...at(id), body: { force: true } }));
}
