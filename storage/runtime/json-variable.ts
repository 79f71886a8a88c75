import { messageOf, VarveError } from './errors.ts';

export interface JsonVariable {
  readonly invalid: (reason: string) => VarveError;
  /** Throws where it is no JSON. */
  readonly parse: (text: string) => unknown;
  /** Throws unless it is an object; `what` says which value it is. */
  readonly objectOf: (value: unknown, what: string) => Record<string, unknown>;
}

/** How a variable is read whose value is JSON: whatever is wrong with it is told with its name. */
export function jsonVariable(name: string): JsonVariable {
  const invalid = (reason: string): VarveError => new VarveError('bad-data', `${name}: ${reason}`);
  return {
    invalid,
    parse: (text) => {
      try {
        return JSON.parse(text);
      } catch (error) {
        throw invalid(`it is not valid JSON: ${messageOf(error)}`);
      }
    },
    objectOf: (value, what) => {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(`${what} must be a JSON object`);
      return value as Record<string, unknown>;
    },
  };
}
