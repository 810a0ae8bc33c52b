import { useQuery } from '@tanstack/react-query';
import { api, unwrap } from '../api/client';
import { ApiError } from '../api/errors';

/** The name of a job of which only the id is known; the id for one that is gone or has no name. */
export function JobName({ id }: { id: string }) {
  const { data } = useQuery({
    queryKey: ['name', id],
    staleTime: 60_000,
    retry: false,
    queryFn: async () => {
      try {
        return (await unwrap(api.GET('/api/v1/jobs/{id}', { params: { path: { id } } }))).name;
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return '';
        throw error;
      }
    },
  });
  return <>{data || id}</>;
}
