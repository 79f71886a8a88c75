import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { startFailure } from '../../query/cli/start-failure.ts';
import { UsageError } from '../../query/cli/usage-error.ts';

test('where the disk is full that is said, and anything else is told as it came', () => {
  const error = new Error('The Workers runtime failed to start.');
  const told = startFailure(error, '/data', 4096);
  expect(told).toBeInstanceOf(UsageError);
  expect(told).toMatchObject({ message: 'workerd cannot start with 4096 bytes left on the disk of /data; make room, or set DATA_DIR to another directory' });
  expect(startFailure(error, '/data', 2 ** 40)).toBe(error);
  expect(() => startFailure(error, tmpdir())).not.toThrow();
});
