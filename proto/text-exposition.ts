import { DecodeError } from './decode-error.ts';

/** One sample line of Prometheus' text exposition format, version 0.0.4. Labels as written; `timestampMs` when the line has one. */
export interface ExpositionSample {
  readonly name: string;
  readonly labels: readonly (readonly [name: string, value: string])[];
  readonly value: number;
  readonly timestampMs: number | undefined;
}

const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{(.*)\})?\s+(\S+)(?:\s+(-?\d+))?\s*$/s;
const LABEL = /\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\\n]|\\.)*)"\s*(?:,|$)/sy;

/** The samples of a text, in order. Comments, HELP and TYPE are skipped. Throws DecodeError with the line's number. */
export function* parseExposition(text: string): Generator<ExpositionSample> {
  let number = 0;
  for (const line of text.split('\n')) {
    number++;
    if (line.trim() === '' || line.trimStart().startsWith('#')) continue;
    const parts = LINE.exec(line);
    if (parts === null) throw new DecodeError(`text exposition: line ${number} is no sample: ${JSON.stringify(line.slice(0, 80))}`);
    const [, name, labels, value, timestamp] = parts as unknown as [string, string, string | undefined, string, string | undefined];
    yield {
      name,
      labels: parseLabels((labels ?? '').trimEnd(), number),
      value: parseValue(value, number),
      timestampMs: timestamp === undefined ? undefined : Number(timestamp),
    };
  }
}

function parseLabels(text: string, number: number): [string, string][] {
  const labels: [string, string][] = [];
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const at = LABEL.lastIndex;
    const label = LABEL.exec(text);
    if (label === null) throw new DecodeError(`text exposition: bad label in line ${number}: ${JSON.stringify(text.slice(at, at + 80))}`);
    labels.push([label[1]!, label[2]!.replace(/\\(.)/gs, (_match, character: string) => (character === 'n' ? '\n' : character))]);
  }
  return labels;
}

function parseValue(text: string, number: number): number {
  switch (text) {
    case '+Inf':
    case 'Inf':
      return Infinity;
    case '-Inf':
      return -Infinity;
    case 'NaN':
      return NaN;
  }
  const value = Number(text);
  if (Number.isNaN(value)) throw new DecodeError(`text exposition: bad value in line ${number}: ${JSON.stringify(text)}`);
  return value;
}
