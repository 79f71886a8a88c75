import { FUNCTION_SIGNATURES, type FunctionSignature } from '../../../promql/parser/index.ts';

/* What changed queries are made of beside parts of others. */

export const NUMBERS = [
  '0', '1', '2', '-1', '0.5', '0.9', '3', '10', '100', '1e-3', '1.5', 'NaN', 'Inf', '-Inf', '-0.5', '5', '0.1', '1e300', '-0', '7', '1e9', 'time()', 'step()', 'range()', 'start()', 'end()',
];
export const DURATIONS = [
  '1m', '5m', '10m', '30s', '1s', '15s', '2m', '50m', '1h', '6m', '20s', '4m59s', '1ms', '5m1s', '10s', '100m', '3m30s', '7', 'step()', '(range() + 1m)', 'max_of(step(), 1m)',
];
export const STEPS = ['', '', '10s', '1m', '30s', '7s', '2m', '1s', '15s', '5m'];
export const OPERATORS = ['+', '-', '*', '/', '%', '^', 'atan2', '==', '!=', '<', '<=', '>', '>=', '</', '>/', '== bool', '!= bool', '< bool', '>= bool', 'and', 'or', 'unless'];

/** Functions that take and return the same types. */
export function callsLike(name: string): string[] {
  const signatures = Object.entries(FUNCTION_SIGNATURES as Record<string, FunctionSignature>);
  const key = ({ argTypes, variadic, returnType }: FunctionSignature): string => [...argTypes, variadic, returnType].join();
  const wanted = key((FUNCTION_SIGNATURES as Record<string, FunctionSignature>)[name]!);
  return signatures.filter(([, signature]) => key(signature) === wanted).map(([other]) => other);
}

export function labelText(name: string): string {
  return /^[A-Za-z_]\w*$/.test(name) ? name : JSON.stringify(name);
}
