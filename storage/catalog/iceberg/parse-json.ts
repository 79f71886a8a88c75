import { DecodeError } from '../../../proto/decode-error.ts';
import { messageOf } from '../../runtime/errors.ts';

/** Text from a bucket as JSON: throws a DecodeError that says `where` it is. */
export function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new DecodeError(`${where}: ${messageOf(error)}`, { cause: error });
  }
}

/** The same, of an object. */
export function parseJsonObject(text: string, where: string): object {
  const value = parseJson(text, where);
  if (typeof value !== 'object' || value === null) throw new DecodeError(`${where}: want an object`);
  return value;
}
