import { expect, test } from 'vitest';
import { DecodeError } from '../../proto/decode-error.ts';

test('an error of bytes has no stack, and leaves that of others alone', () => {
  const cause = new Error('why');
  const error = new DecodeError('byte 5: want 1', { cause });
  expect([error.name, error.message, error.cause]).toEqual(['DecodeError', 'byte 5: want 1', cause]);
  expect(error.stack).not.toContain('\n');
  expect(new Error('another').stack).toContain('decode-error.test.ts');
});
