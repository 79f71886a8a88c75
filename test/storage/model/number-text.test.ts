import { describe, expect, test } from 'vitest';
import { formatG, formatGDigits, formatOpenMetricsFloat, parseGoFloat } from '../../../storage/model/number-text.ts';

describe('formatG', () => {
  function f(value: number, text: string): void {
    test(text, () => expect(formatG(value)).toBe(text));
  }
  f(0, '0');
  f(-0, '-0');
  f(1, '1');
  f(-1.5, '-1.5');
  f(123456, '123456');
  f(1e6, '1e+06');
  f(1234567, '1.234567e+06');
  f(0.0001, '0.0001');
  f(0.00001, '1e-05');
  f(0.000012345, '1.2345e-05');
  f(1e100, '1e+100');
  f(-1e-200, '-1e-200');
  f(999999.5, '999999.5');
  f(NaN, 'NaN');
  f(Infinity, '+Inf');
  f(-Infinity, '-Inf');
});

describe('formatGDigits', () => {
  function f(value: number, text: string): void {
    test(text, () => expect(formatGDigits(value, 2)).toBe(text));
  }
  f(0, '0');
  f(7.5, '7.5');
  f(10, '10');
  f(99, '99');
  f(99.6, '1e+02');
  f(12345, '1.2e+04');
  f(0.01234, '0.012');
  f(0.00001234, '1.2e-05');
  f(-2.56e-9, '-2.6e-09');
  f(Infinity, '+Inf');
});

describe('formatOpenMetricsFloat', () => {
  function f(value: number, text: string): void {
    test(text, () => expect(formatOpenMetricsFloat(value)).toBe(text));
  }
  f(1, '1.0');
  f(0, '0.0');
  f(-3, '-3.0');
  f(0.99, '0.99');
  f(1e6, '1e+06');
  f(Infinity, '+Inf');
  f(NaN, 'NaN');
});

describe('parseGoFloat', () => {
  function f(text: string, value: number | undefined): void {
    test(JSON.stringify(text), () => expect(parseGoFloat(text)).toBe(value));
  }
  f('1', 1);
  f('+.5', 0.5);
  f('5.', 5);
  f('-1e3', -1000);
  f('1E-3', 0.001);
  f('+Inf', Infinity);
  f('inf', Infinity);
  f('-Infinity', -Infinity);
  f('NaN', NaN);
  f('0x1p-2', 0.25);
  f('-0X1.8P1', -3);
  f('1e999', undefined);
  f('', undefined);
  f(' 1', undefined);
  f('1 ', undefined);
  f('-1_000.2_5e+0_1', -10002.5);
  f('0x_1_0p-0_1', 8);
  f('1__0', undefined);
  f('1_', undefined);
  f('1_.5', undefined);
  f('_1', undefined);
  f('0_x1p1', undefined);
  f('+NaN', undefined);
  f('0x10', undefined);
  f('0xp1', undefined);
  f('Hello World', undefined);
  f('.', undefined);
  f('--1', undefined);
});
