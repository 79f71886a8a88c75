import { badData } from '../runtime/errors.ts';
import { shown } from './shown.ts';

/**
 * An object of options that has none but those that are named, or an error about `what`. Data that nobody meant to lose, or to keep, must not
 * hang on a typing error, which only callers in TypeScript are told of.
 */
export function namedOptions<O extends object>(options: O, names: Readonly<Record<keyof O, true>>, what: string): O {
  const known = Object.keys(names);
  if (typeof options !== 'object' || options === null || Array.isArray(options) || options instanceof Date) throw badData(`${what} is ${shown(options)}; want an object with ${known.join(', ')}`);
  for (const name in options) if (!Object.hasOwn(names, name)) throw badData(`${what} has ${shown(name)}; there are ${known.join(', ')}`);
  return options;
}
