import { expect, test } from 'vitest';
import { parseCommentLine } from '../../proto/exposition-metadata.ts';
import { InfluxLine } from '../../proto/influx-line.ts';
import { LineSplitter } from '../../proto/line-splitter.ts';
import { ExpositionLine } from '../../proto/text-exposition.ts';
import { assert } from '../../storage/runtime/assert.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';
import { textMutations } from './fuzz-bytes.ts';
import { FUZZ_SEED, fuzz, fuzzRounds } from './fuzz-loop.ts';

/*
 * Mutations of valid texts, cut into chunks anywhere: each line is read or refused, nothing is thrown, nothing takes long, and what is valid
 * is read as before.
 */
const LINE_BYTES_MAX = 4096;

type Read = (text: Uint8Array, random: SeededRandom) => string[];

/** What the formats give a meaning, and numbers at the ends of their ranges. */
const TOKENS = [
  ...['{', '}', '"', '\\', '\\n', '\\"', ',', '=', ' ', '\t', '\r', '\n', '#', '# ', ' # {', '# TYPE ', '# HELP ', '# UNIT ', '# EOF\n', '{"a"}', 'a="b",', '\0', '\ufeff', '😀', ':', '.'],
  ...['NaN', '+Inf', '-Inf', '0x1p-2', '1_0', '1e400', '-1e-400', '9223372036854775807', '-9223372036854775808', '18446744073709551615u', '9007199254740993i', 't', 'F', '0.1e', '1.7e12', '99999999999999999999'],
];

function fuzzLines(name: string, originals: readonly string[], read: Read): void {
  test(name, { timeout: 3_600_000 }, async () => {
    const valid = originals.map((text) => Buffer.from(text));
    const chunks = new SeededRandom(FUZZ_SEED);
    const want = valid.map((text) => read(text, chunks));
    const check = (): void => valid.forEach((text, i) => expect(read(text, chunks)).toEqual(want[i]));
    // A text of several lines is taken where all of them are.
    const take = (text: Uint8Array, random: SeededRandom): boolean => read(text, random).every((line) => !line.startsWith('!'));
    await fuzz({ name, rounds: fuzzRounds(20_000), next: textMutations(valid, TOKENS), take, check });
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
      assert(labels.length % 2 === 0, 'a name without a value');
      assert(Number.isNaN(line.timestampMs) || Number.isSafeInteger(line.timestampMs), 'a time that is no integer');
      return JSON.stringify([labels, String(line.value), line.timestampMs, ...exemplar]);
    });
}

const EXPOSITIONS = [
  '# HELP a_total Some \\\\ "help" \\n here\n# TYPE a_total counter\na_total{x="1",y="\\"quoted\\" \\\\ \\n"} 1027 1395066363000\na_total 3\n',
  '{"my.metric","a label"="ü€😀", b = "2" , } +Inf -5\r\n\tm NaN\nx_bucket{le="+Inf"} 1e-300 1700000000.123\n',
  '# TYPE "my.metric" histogram\n# UNIT foo_seconds seconds\nfoo_bucket{le="0.5"} 4 1700000000.5 # {trace_id="abc",span="}#{"} 0.43 1700000000.1\nfoo_created 1520430000.123\n# EOF\n',
];

fuzzLines('text exposition', EXPOSITIONS, readExposition(new ExpositionLine('either')));
fuzzLines('OpenMetrics', EXPOSITIONS, readExposition(new ExpositionLine('seconds')));

const influx = new InfluxLine('ns');
fuzzLines(
  'Influx line protocol',
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
      assert(head.length % 2 === 1, 'a tag without a value');
      const fields = Array.from({ length: influx.fieldCount }, (_, field) => [influx.fieldName(bytes, field), influx.fieldValue[field]]);
      assert(influx.fieldValue.slice(0, influx.fieldCount).every(Number.isFinite), 'a value that is no number');
      assert(Number.isNaN(influx.timestampMs) || Number.isSafeInteger(influx.timestampMs), 'a time that is no integer');
      return JSON.stringify([head, fields, influx.timestampMs, influx.textFieldCount]);
    }),
);
