import { expect, test } from 'vitest';
import { nextPage } from './next';

test('a login leads back to the queue monitor, and nowhere else', () => {
  expect(nextPage('?next=/monitoring')).toBe('/monitoring');
  for (const search of ['', '?next=', '?next=//evil.test', '?next=https://evil.test/monitoring', '?next=/monitoring/../..', '?next=javascript:alert(1)']) {
    expect(nextPage(search)).toBeNull();
  }
});
