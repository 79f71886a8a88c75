import { badData } from '../runtime/errors.ts';

/** What a value may be besides a number. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [name: string]: JsonValue };

/** A value as it is stored: a number goes to the numeric columns, everything else to the document table as JSON text. */
export type StoredValue = { readonly kind: 'number'; readonly number: number } | { readonly kind: 'document'; readonly text: string };

/** Deeper nesting than this is a mistake, or an attack on the stack. */
const DEPTH_MAX = 100;

/**
 * A value that can be given back exactly, or an error that says what is wrong with it. JSON would turn NaN into null and a Date into
 * text without a word. As in JSON, a property that is undefined is left out (absent and undefined read the same), and -0 inside an object is 0.
 */
export function storedValue(value: unknown): StoredValue {
  if (typeof value === 'number') return { kind: 'number', number: value };
  const problem = findProblem(value, '', 0);
  if (problem !== undefined) throw badData(`the value cannot be stored: ${problem}`);
  return { kind: 'document', text: JSON.stringify(value) };
}

function findProblem(value: unknown, path: string, depth: number): string | undefined {
  const where = path === '' ? 'it' : path.slice(0, 200);
  switch (typeof value) {
    case 'boolean':
    case 'string':
      return undefined;
    case 'number':
      return Number.isFinite(value) ? undefined : `${where} is ${value}, which JSON does not have; only a value that is itself a number may be`;
    case 'object':
      break;
    default:
      return `${where} is ${value === undefined ? 'undefined' : `a ${typeof value}`}; want a number or what JSON can hold`;
  }
  if (value === null) return undefined;
  // A circle is also too deep.
  if (depth >= DEPTH_MAX) return `it is nested more than ${DEPTH_MAX} levels deep, or contains itself`;
  if (Array.isArray(value)) {
    if ('toJSON' in value) return `${where} has a method toJSON; want a plain array`;
    for (let i = 0; i < value.length; i++) {
      const problem = findProblem(value[i], `${path}[${i}]`, depth + 1);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  // Objects from another realm (a test runner, RPC) have another Object.prototype; theirs, too, has no prototype above it.
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) return `${where} is an object of class ${String(value.constructor?.name)}; want a plain object`;
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return `${where} has a method toJSON; want a plain object`;
  for (const [name, property] of Object.entries(value)) {
    if (property === undefined) continue;
    const problem = findProblem(property, path === '' ? name : `${path}.${name}`, depth + 1);
    if (problem !== undefined) return problem;
  }
  return undefined;
}
