import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { DEFAULT_TENANT_LIMITS, limitsForTenant, readTenantLimits, TENANT_LIMITS } from '../../../storage/runtime/tenant-limits.ts';

test('no default is above what is possible, and each has a reason', () => {
  for (const [name, { default: usual, max, reason }] of Object.entries(TENANT_LIMITS)) {
    expect(usual, name).toBeLessThanOrEqual(max);
    expect(reason.length, name).toBeGreaterThan(10);
  }
});

test('without the variable all tenants have the defaults', () => {
  for (const text of [undefined, '', '{}']) expect(readTenantLimits(text)('a')).toEqual(DEFAULT_TENANT_LIMITS);
});

test('an entry over that of all, that over the defaults', () => {
  const limitsOf = readTenantLimits('{"*": {"labelsPerSeriesMax": 20, "activeSeriesMax": 1000}, "acme": {"activeSeriesMax": 5000, "samplesPerSecondMax": 10}}');
  expect(limitsOf('acme')).toEqual({ ...DEFAULT_TENANT_LIMITS, labelsPerSeriesMax: 20, activeSeriesMax: 5000, samplesPerSecondMax: 10 });
  expect(limitsOf('other')).toEqual({ ...DEFAULT_TENANT_LIMITS, labelsPerSeriesMax: 20, activeSeriesMax: 1000 });
  expect(limitsOf('__proto__')).toBe(limitsOf('other'));
  expect(limitsOf('acme')).toBe(limitsOf('acme'));
});

test("the system's bounds with a tenant's in their place", () => {
  const merged = limitsForTenant(LIMITS, { ...DEFAULT_TENANT_LIMITS, labelsPerSeriesMax: 5 });
  expect(merged).toEqual({ ...LIMITS, labelsPerSeriesMax: 5 });
  expect(limitsForTenant(LIMITS, DEFAULT_TENANT_LIMITS)).toEqual(LIMITS);
});

describe('refused, with what is wrong', () => {
  test.each([
    ['{', 'not valid JSON'],
    ['[]', 'must be a JSON object'],
    ['{"a": 1}', 'the entry of "a" must be a JSON object'],
    ['{"a": {"labelsPerSeries": 1}}', '"labelsPerSeries" of "a" is no limit; there are writeBodyBytesMax'],
    ['{"a": {"toString": 1}}', 'is no limit'],
    ['{"a": {"labelsPerSeriesMax": "5"}}', 'labelsPerSeriesMax of "a" is "5"; it must be a whole number from 1 to 64'],
    ['{"a": {"labelsPerSeriesMax": 65}}', 'from 1 to 64'],
    ['{"a": {"labelsPerSeriesMax": 0}}', 'from 1 to 64'],
    ['{"a": {"labelsPerSeriesMax": 1.5}}', 'from 1 to 64'],
    ['{"*": {"labelsPerSeriesMax": null}}', 'from 1 to 64'],
    ['{"a": {"samplesBurstMax": 5}}', 'samplesBurstMax of "a" is 5; it must not be less than its samplesPerSecondMax'],
    ['{"*": {"samplesBurstMax": 5}}', 'samplesBurstMax of "*" is 5'],
  ])('%s', (text, reason) => {
    expect(() => readTenantLimits(text)).toThrow(reason);
    expect(() => readTenantLimits(text)).toThrow('VARVE_TENANT_LIMITS');
  });
});
