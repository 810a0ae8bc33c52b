import { usePathname, useSearch as useRawSearch } from 'wouter/use-browser-location';
import { basePath } from '../api/client';

/** The address of a page below the base path. */
export function jobPath(id: string): string {
  return `/jobs/${encodeURIComponent(id)}`;
}

export function runPath(id: string): string {
  return `/runs/${encodeURIComponent(id)}`;
}

/** The nth part of a path below the base, decoded; empty when there is none. */
export function segment(pathname: string, base: string, n: number): string {
  const part = pathname.slice(base.length).split('/')[n + 1] ?? '';
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The id in an address such as /jobs/ID/edit. wouter's own parameters are half decoded. */
export function useIdInPath(): string {
  return segment(usePathname(), basePath, 1);
}

/** The query part of the address, as it stands. */
export const useSearchText: () => string = useRawSearch;
