import { expect, test } from 'vitest';
import { formatPlainFloat } from '../../../promql/functions/format-float.ts';

test('floats without exponent', () => {
  const f = (value: number, text: string): void => expect(formatPlainFloat(value)).toBe(text);
  f(0, '0');
  f(-0, '-0');
  f(1.5, '1.5');
  f(1e21, '1000000000000000000000');
  f(-1.25e22, '-12500000000000000000000');
  f(1e-7, '0.0000001');
  f(-1.25e-9, '-0.00000000125');
  f(5e-324, `0.${'0'.repeat(323)}5`);
  f(NaN, 'NaN');
  f(Infinity, '+Inf');
  f(-Infinity, '-Inf');
});
