import { describe, expect, test } from 'vitest';
import { DecodeError } from '../../proto/decode-error.ts';
import { parseExposition, type ExpositionSample } from '../../proto/text-exposition.ts';
import { renderMetrics } from '../../storage/runtime/metrics.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';
import { FUZZ_SEED, fuzzRounds } from './fuzz-bytes.ts';

type Labels = ExpositionSample['labels'];

describe('samples', () => {
  function parsed(line: string, name: string, labels: Labels, value: number, timestampMs?: number): void {
    test(JSON.stringify(line), () => expect([...parseExposition(line)]).toEqual([{ name, labels, value, timestampMs }]));
  }
  parsed('up 1', 'up', [], 1);
  parsed('up{} 1', 'up', [], 1);
  parsed('up 1 1700000000000', 'up', [], 1, 1_700_000_000_000);
  parsed('up\t-0\t-5  ', 'up', [], -0, -5);
  parsed('up 1\r', 'up', [], 1);
  parsed('a:b_c{x="1",y="2"} 1.5e-3', 'a:b_c', [['x', '1'], ['y', '2']], 0.0015);
  parsed('a { x = "1" , } 2', 'a', [['x', '1']], 2);
  parsed('a{x=""} 2', 'a', [['x', '']], 2);
  parsed('a{x="} 5"} 2', 'a', [['x', '} 5']], 2);
  parsed('a{x="q\\"q",y="b\\\\s",z="l\\nl"} 2', 'a', [['x', 'q"q'], ['y', 'b\\s'], ['z', 'l\nl']], 2);
  parsed('a{x="\\\\n"} 2', 'a', [['x', '\\n']], 2);
  parsed('a{x="\u2028é\u{1f600}\r"} 2', 'a', [['x', '\u2028é\u{1f600}\r']], 2);
  parsed('a{x="\\d"} 2', 'a', [['x', '\\d']], 2);
  parsed('{"my.metric","my label"="v",c="d"} 2', 'my.metric', [['my label', 'v'], ['c', 'd']], 2);
  parsed('{c="d","my.metric"} 2', 'my.metric', [['c', 'd']], 2);
  parsed('{"a \\"b\\\\ \\n"} 2', 'a "b\\ \n', [], 2);
  parsed('a{"x.y"="1"} 2', 'a', [['x.y', '1']], 2);
  parsed('a{x="1"}2', 'a', [['x', '1']], 2);
  parsed('a 2 # {trace_id="}\\""} 0.5 1700000000.123', 'a', [], 2);
  parsed('a 2 5 # {} 0.5', 'a', [], 2, 5);
  parsed('a 123456789012345678', 'a', [], 123456789012345680);
  parsed('a 0.1', 'a', [], 0.1);
  parsed('a .5', 'a', [], 0.5);
  parsed('a 5.', 'a', [], 5);
  parsed('a 1.7976931348623157e308', 'a', [], Number.MAX_VALUE);
  parsed('a 1e-400', 'a', [], 0);
  parsed('a -inf', 'a', [], -Infinity);
  parsed('a +Infinity', 'a', [], Infinity);
  parsed('a nan', 'a', [], NaN);
  parsed('a NaN', 'a', [], NaN);
  parsed('a +Inf', 'a', [], Infinity);
  parsed('a -Inf', 'a', [], -Infinity);
});

test('comments and empty lines are passed over, order is kept', () => {
  const text = '# HELP a b\n# TYPE a counter\n\n  \na 1\n  # note\nb 2\na 3';
  expect([...parseExposition(text)].map(({ name, value }) => `${name}=${value}`)).toEqual(['a=1', 'b=2', 'a=3']);
});

test('our own metrics come back', () => {
  const labels = { quote: 'a"b', slash: 'c\\d', line: 'e\nf', plain: '' };
  const text = renderMetrics([{ name: 'x_total', labels, value: 12.5 }], { x_total: { type: 'counter', help: 'h' } });
  expect([...parseExposition(text)]).toEqual([{ name: 'x_total', labels: Object.entries(labels), value: 12.5, timestampMs: undefined }]);
});

describe('refused, with the number of the line', () => {
  function refused(line: string): void {
    test(JSON.stringify(line), () => {
      const act = (): unknown => [...parseExposition(`ok 1\n${line}\n`)];
      expect(act).toThrow(DecodeError);
      expect(act).toThrow('line 2');
    });
  }
  for (const line of ['up', 'up one', 'up 1 2 3', 'up 1 1.5', '1up 1', 'up{x=1} 1', 'up{x="1" 1', 'up{x="1"y="2"} 1', 'up{x="1\\"} 1', 'up{"x"} 1', 'up{=""} 1', 'é 1', '{x="1"} 1', 'up+1', 'up 0x10', 'up 1_000', 'up --1', 'up 1e', 'up 1e400', 'up -1e309', 'up 1 # {x="1"} 1e400', `up ${'9'.repeat(310)}`, 'up .', 'up{"x","y"} 1', 'up{x="1",,} 1', 'up 1 #', 'up 1 # x', 'up 1 # {x="1"}', 'up 1 # {x="1"} 1 2 3', '{"a\uD800', 'up 1 # {x="1" 1']) {
    refused(line);
  }
});

test('any text gives samples or a DecodeError, in good time', { timeout: 600_000 }, () => {
  const random = new SeededRandom(FUZZ_SEED);
  const pieces = ['up', '{', '}', 'x', '=', '"', '\\', 'n', ',', ' ', '\t', '\n', '1', '-5', 'NaN', '#', 'é', '\r', '{x="1"}', ' 1'];
  let samples = 0;
  for (let i = 0; i < fuzzRounds(50_000); i++) {
    const text = Array.from({ length: random.below(12) }, () => random.pick(pieces)).join('');
    try {
      samples += [...parseExposition(text)].length;
    } catch (error) {
      if (!(error instanceof DecodeError)) throw new Error(`seed ${FUZZ_SEED}, ${JSON.stringify(text)}: ${String(error)}`, { cause: error });
    }
  }
  expect(samples).toBeGreaterThan(100);
});

test('one thing many times over is read in good time', () => {
  for (const piece of [' ', '{', '}', '"', '\\', ',', 'a', '1', ' 1', '} ', 'x="1",', '="']) {
    for (const prefix of ['', 'a', 'a ', 'a{', 'a{x="', 'a 1']) {
      const startMs = performance.now();
      try {
        void [...parseExposition(`${prefix}${piece.repeat(30_000)}!`)];
      } catch (error) {
        expect(error).toBeInstanceOf(DecodeError);
      }
      expect(performance.now() - startMs, JSON.stringify([prefix, piece])).toBeLessThan(500);
    }
  }
});
