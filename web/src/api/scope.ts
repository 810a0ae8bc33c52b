import { queryOptions, useQuery } from '@tanstack/react-query';
import { useI18n } from '../i18n';
import { api, unwrap } from './client';
import { queries } from './queries';
import type { components } from './schema';

export type Scope = components['schemas']['Scope'];
export type Session = components['schemas']['Session'];

const rank: Record<Scope, number> = { read: 0, run: 1, write: 2, admin: 3 };

/** Who this browser is to the server, and what it may do there. */
export const sessionQuery = queryOptions({
  queryKey: ['session'],
  staleTime: 60_000,
  queryFn: () => unwrap(api.GET('/api/v1/session')),
});

/** Whether a session may do what needs a scope. Of one that is not known yet the server is the judge. */
export function may(session: Session | undefined, needs: Scope): boolean {
  if (!session?.auth_required || !session.scope) return true;
  return rank[session.scope] >= rank[needs];
}

/** Says why this browser may not do what needs a scope; undefined: it may. */
export function useBarred(): (needs: Scope | undefined) => string | undefined {
  const { t } = useI18n();
  const { data } = useQuery(sessionQuery, queries);
  return (needs) => (needs && data?.scope && !may(data, needs) ? t('scope.needs', { needs: t(`scope.${needs}`), has: t(`scope.${data.scope}`) }) : undefined);
}
