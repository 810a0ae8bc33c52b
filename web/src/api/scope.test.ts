import { describe, expect, it } from 'vitest';
import { may, type Scope, type Session } from './scope';

const session = (scope: Scope | null, auth_required = true): Session => ({ auth_required, key: null, scope, expires_at: null });

describe('what a session may do', () => {
  const scopes: Scope[] = ['read', 'run', 'write', 'admin'];
  it.each(scopes)('%s may do what it and the scopes below it allow', (has) => {
    expect(scopes.filter((needs) => may(session(has), needs))).toEqual(scopes.slice(0, scopes.indexOf(has) + 1));
  });
  it('leaves it to the server where it is not known', () => {
    expect(may(undefined, 'admin')).toBe(true);
    expect(may(session(null), 'admin')).toBe(true);
  });
  it('bars nobody from a server that stands open', () => {
    expect(may(session('read', false), 'admin')).toBe(true);
  });
});
