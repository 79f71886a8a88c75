import { expect, test } from 'vitest';
import { parseCommentLine } from '../../proto/exposition-metadata.ts';
import { InfluxLine } from '../../proto/influx-line.ts';
import { LineSplitter } from '../../proto/line-splitter.ts';
import { ExpositionLine } from '../../proto/text-exposition.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';
import { FUZZ_SEED, fuzzRounds, mutate } from './fuzz-bytes.ts';

/*
 * Mutations of valid texts, cut into chunks anywhere: each line is read or refused, nothing is thrown, nothing takes long, and what is valid
 * is read as before. FUZZ_ROUNDS=1000000 is the long run.
 */
const LINE_BYTES_MAX = 4096;
/** A mutated text is at most a few hundred bytes: more than this for a thousand of them would be a loop that does not end. */
const THOUSAND_MS_MAX = 5000;

type Read = (text: Uint8Array, random: SeededRandom) => string[];

function fuzz(name: string, originals: readonly string[], read: Read): void {
  test(name, { timeout: 3_600_000 }, () => {
    const random = new SeededRandom(FUZZ_SEED);
    const valid = originals.map((text) => Buffer.from(text));
    const want = valid.map((text) => read(text, random));
    const check = (): void => valid.forEach((text, i) => expect(read(text, random)).toEqual(want[i]));
    let refused = 0;
    let taken = 0;
    let startMs = performance.now();
    for (let round = 0; round < fuzzRounds(20_000); round++) {
      const input = mutate(random.pick(valid), random);
      try {
        for (const line of read(input, random)) line.startsWith('!') ? refused++ : taken++;
      } catch (error) {
        throw new Error(`seed ${FUZZ_SEED}, round ${round}, ${Buffer.from(input).toString('hex')}: ${String(error)}`, { cause: error });
      }
      if (round % 1000 !== 0) continue;
      check();
      expect(performance.now() - startMs, `rounds up to ${round}`).toBeLessThan(THOUSAND_MS_MAX);
      startMs = performance.now();
    }
    check();
    expect(refused).toBeGreaterThan(100);
    expect(taken).toBeGreaterThan(100);
  });
}

/** The lines of a text that comes in chunks of random lengths, as `describe` puts them. */
function readLines(text: Uint8Array, random: SeededRandom, describe: (bytes: Uint8Array, start: number, end: number) => string): string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter({ line: (bytes, start, end) => lines.push(describe(bytes, start, end)), tooLong: () => lines.push('!too long') }, LINE_BYTES_MAX);
  for (let at = 0; at < text.length; ) {
    const length = random.between(1, 100);
    splitter.push(text.subarray(at, at + length));
    at += length;
  }
  splitter.end();
  return lines;
}

function readExposition(line: ExpositionLine): Read {
  return (text, random) =>
    readLines(text, random, (bytes, start, end) => {
      const result = line.parse(bytes, start, end);
      if (result === 'blank') return 'blank';
      if (result === 'comment') return JSON.stringify(parseCommentLine(bytes, start, end));
      if (result !== 'sample') return `!${result.invalid}`;
      const labels = line.labels(bytes);
      const exemplar = line.hasExemplar ? [line.exemplarLabels(bytes), line.exemplarValue, line.exemplarTimestampMs] : [];
      if ('invalid' in labels) return `!${labels.invalid}`;
      expect(labels.length % 2).toBe(0);
      expect(Number.isNaN(line.timestampMs) || Number.isSafeInteger(line.timestampMs)).toBe(true);
      return JSON.stringify([labels, String(line.value), line.timestampMs, ...exemplar]);
    });
}

const EXPOSITIONS = [
  '# HELP a_total Some \\\\ "help" \\n here\n# TYPE a_total counter\na_total{x="1",y="\\"quoted\\" \\\\ \\n"} 1027 1395066363000\na_total 3\n',
  '{"my.metric","a label"="ü€😀", b = "2" , } +Inf -5\r\n\tm NaN\nx_bucket{le="+Inf"} 1e-300 1700000000.123\n',
  '# TYPE "my.metric" histogram\n# UNIT foo_seconds seconds\nfoo_bucket{le="0.5"} 4 1700000000.5 # {trace_id="abc",span="}#{"} 0.43 1700000000.1\nfoo_created 1520430000.123\n# EOF\n',
];

fuzz('expositions', EXPOSITIONS, readExposition(new ExpositionLine('either')));
fuzz('OpenMetrics', EXPOSITIONS, readExposition(new ExpositionLine('seconds')));

const influx = new InfluxLine('ns');
fuzz(
  'the Influx line protocol',
  [
    'cpu,host=a,cpu=cpu-total usage_user=1.5,usage_idle=98i,n=3u,ok=t 1700000000123456789\nmem free=1e9,text="a \\"b\\", c=d \\\\" \n',
    'my\\ meas\\,ure,t\\=ag\\ x=v\\,al,ü=€ f\\=ield=-0.5,g=FALSE -1\r\n# comment\n\nm,p=C:\\dir f=1 0\n',
  ],
  (text, random) =>
    readLines(text, random, (bytes, start, end) => {
      const result = influx.parse(bytes, start, end);
      if (result === 'blank' || result === 'open') return result;
      if (result !== 'point') return `!${result.invalid}`;
      const head = influx.head(bytes);
      if ('invalid' in head) return `!${head.invalid}`;
      expect(head.length % 2).toBe(1);
      const fields = Array.from({ length: influx.fieldCount }, (_, field) => [influx.fieldName(bytes, field), influx.fieldValue[field]]);
      expect(influx.fieldValue.slice(0, influx.fieldCount).every(Number.isFinite)).toBe(true);
      expect(Number.isNaN(influx.timestampMs) || Number.isSafeInteger(influx.timestampMs)).toBe(true);
      return JSON.stringify([head, fields, influx.timestampMs, influx.textFieldCount]);
    }),
);
