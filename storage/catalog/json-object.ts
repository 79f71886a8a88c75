import { DecodeError } from '../../proto/decode-error.ts';

/** Text from a bucket as an object of JSON: throws a DecodeError that says `where` it is. */
export function parseJsonObject(text: string, where: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new DecodeError(`${where}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  if (typeof value !== 'object' || value === null) throw new DecodeError(`${where}: want an object`);
  return value;
}
