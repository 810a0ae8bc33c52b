/** Where a login leads back to: the queue monitor, which has no login of its own. Null: to where the page is. */
export function nextPage(search: string): string | null {
  const next = new URLSearchParams(search).get('next');
  return next === '/monitoring' ? next : null; // nothing else: an address could lead to another site
}
