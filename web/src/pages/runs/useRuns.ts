import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useEffect, useMemo } from 'react';
import { api, type Run, unwrap } from '../../api/client';
import { runParams } from '../../api/queries';
import { formatRunFilter, type RunFilter } from '../../lib/filters';
import { mergeRuns } from '../../lib/mergeruns';

const size = 200;

interface Runs {
  runs: readonly Run[];
  error: unknown;
  isPending: boolean;
  hasMore: boolean;
  more: () => void;
  retry: () => void;
}

/** Runs for a filter: read page after page, while the newest page is kept true by events. */
export function useRuns(filter: RunFilter): Runs {
  const key = formatRunFilter(filter);
  const read = (cursor: string, signal: AbortSignal) =>
    unwrap(api.GET('/api/v1/runs', { params: { query: { ...runParams(filter), limit: size, cursor: cursor || undefined } }, signal }));

  const pages = useInfiniteQuery({
    queryKey: ['run pages', key],
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    placeholderData: keepPreviousData,
    initialPageParam: '',
    getNextPageParam: (page: { next_cursor: string | null }) => page.next_cursor,
    queryFn: ({ pageParam, signal }) => read(pageParam, signal),
  });
  const head = useQuery({ queryKey: ['runs', 'head', key], queryFn: ({ signal }) => read('', signal), enabled: pages.isSuccess });

  const before = useMemo(() => pages.data?.pages.flatMap((page) => page.runs) ?? [], [pages.data]);
  const newest = head.data?.runs;
  const merged = useMemo(() => (newest && !pages.isPlaceholderData ? mergeRuns(newest, before) : before), [newest, before, pages.isPlaceholderData]);
  const { refetch, fetchNextPage, isFetchingNextPage } = pages;
  useEffect(() => {
    if (merged === null) void refetch();
  }, [merged, refetch]);
  return {
    runs: merged ?? newest ?? [],
    error: pages.error ?? head.error,
    isPending: pages.isPending,
    hasMore: pages.hasNextPage,
    more: () => {
      if (!isFetchingNextPage) void fetchNextPage();
    },
    retry: () => void refetch(),
  };
}
