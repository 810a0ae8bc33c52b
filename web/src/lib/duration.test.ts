import { describe, expect, it } from 'vitest';
import { countdown, parseDuration, took, tookOr } from './duration';

describe('countdown', () => {
  it.each([
    [0, '0s'],
    [-5000, '0s'],
    [999, '0s'],
    [12_000, '12s'],
    [60_000, '1m'],
    [92_000, '1m 32s'],
    [30_300_000, '8h 25m'],
    [3_600_000, '1h'],
    [3_605_000, '1h'],
    [86_400_000 * 3 + 3_600_000 * 4, '3d 4h'],
    [86_400_000 * 400, '400d'],
  ])('%d is %s', (ms, text) => expect(countdown(ms)).toBe(text));
});

describe('took', () => {
  it.each([
    [0, '0 ms'],
    [0.4, '0.4 ms'],
    [34, '34 ms'],
    [999, '999 ms'],
    [1200, '1.20 s'],
    [12_340, '12.3 s'],
    [125_000, '2m 5s'],
  ])('%d is %s', (ms, text) => expect(took(ms)).toBe(text));
  it('has a dash for what is not known', () => expect(tookOr(null)).toBe('–'));
});

describe('parseDuration', () => {
  it.each([
    ['1h30m', 5_400_000],
    ['250ms', 250],
    ['2d', 172_800_000],
    [' 10s ', 10_000],
    ['1.5s', 1500],
  ])('%s is %d', (text, ms) => expect(parseDuration(text)).toBe(ms));
  it.each(['', '10', 's', '1h 30m', '-1s', '5x'])('%s is none', (text) => expect(parseDuration(text)).toBeNull());
});
