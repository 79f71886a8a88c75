import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { SHARD_RPC_VERSION } from '../../../storage/shard/shard-api.ts';
import { readTieringPolicy } from '../../../storage/warm/open-rollups.ts';
import { byteStream } from '../../fakes/byte-stream.ts';
import { limitsWith } from '../../fakes/limits-with.ts';
import { storedBits } from '../../fakes/stored-bits.ts';
import { ImportStack, NOW_MS } from './import-stack.ts';

const DAY_MS = 86_400_000;

describe("Prometheus' text format", () => {
  test('with and without timestamps, escapes, quoted names, special values', async () => {
    const stack = new ImportStack();
    const outcome = await stack.text(
      [
        '# HELP http_requests_total The total number of HTTP requests.',
        '# TYPE http_requests_total counter',
        `http_requests_total{method="post",code="200"} 1027 ${NOW_MS - 5000}`,
        `http_requests_total{code="200", method="post",} 1028 ${NOW_MS}`,
        'msdos_file_access_time_seconds{path="C:\\\\DIR\\\\FILE.TXT",error="Cannot find file:\\n\\"FILE.TXT\\""} 1.458255915e9',
        `{"my.metric","my label"="ü"} +Inf ${NOW_MS - 7}`,
        '',
        '# a comment',
        'metric_without_labels -Inf',
      ].join('\n'),
    );
    expect(outcome.rejections.isEmpty).toBe(true);
    expect(outcome.stored.samples).toBe(5);
    expect(stack.stored()).toEqual([
      'http_requests_total{code="200", method="post"} -5000=1027 0=1028',
      'metric_without_labels 0=-Infinity',
      'msdos_file_access_time_seconds{error="Cannot find file:\\n\\"FILE.TXT\\"", path="C:\\\\DIR\\\\FILE.TXT"} 0=1458255915',
      '{__name__="my.metric", "my label"="ü"} -7=Infinity',
    ]);
    expect(await stack.metadata()).toEqual([{ metric: 'http_requests_total', type: 'counter', help: 'The total number of HTTP requests.', unit: '' }]);
  });

  test('any NaN is the normal one of Prometheus, bit for bit', async () => {
    const stack = new ImportStack();
    await stack.text('a NaN\nb nan\nc +NaN\nd 1\n');
    expect(storedBits(stack.shards)).toEqual(['a 7ff8000000000001', 'b 7ff8000000000001', 'c 7ff8000000000001', 'd 3ff0000000000000']);
  });

  test('timestamps in seconds are understood where they cannot be milliseconds', async () => {
    const stack = new ImportStack();
    await stack.text(`a 1 ${NOW_MS / 1000}\nb 2 ${NOW_MS / 1000 - 1}.5\nc 3 ${NOW_MS}\n`);
    expect(stack.stored()).toEqual(['a 0=1', 'b -500=2', 'c 0=3']);
  });

  test('"# EOF" is a comment, so that files may stand one behind the other', async () => {
    const stack = new ImportStack();
    const outcome = await stack.text('a 1\n# EOF\nb 2\n# EOF\n');
    expect(outcome.rejections.isEmpty).toBe(true);
    expect(stack.stored()).toEqual(['a 0=1', 'b 0=2']);
  });

  test('extra labels win, the timestamp parameter is for lines without one', async () => {
    const stack = new ImportStack();
    await stack.text(`a{job="x",i="1"} 1\na{i="2"} 2 ${NOW_MS - 1}\n`, { extraLabels: ['job', 'import', 'env', 'test'], defaultTimestampMs: NOW_MS - 1000 });
    expect(stack.stored()).toEqual(['a{env="test", i="1", job="import"} -1000=1', 'a{env="test", i="2", job="import"} -1=2']);
  });

  test('bad lines are counted and the first are quoted; they cost nothing else', async () => {
    const stack = new ImportStack({ limits: limitsWith({ writeErrorsQuotedMax: 3, importLineBytesMax: 100 }) });
    const outcome = await stack.text(['good 1', 'bad', 'bad{x="1} 2', `long{x="${'y'.repeat(200)}"} 1`, '{x="no name"} 1', 'dup{a="1",a="2"} 1', 'also_good 2'].join('\n'));
    expect(stack.stored()).toEqual(['also_good 0=2', 'good 0=1']);
    expect(outcome.rejections.kind).toBe('bad-data');
    expect(outcome.rejections.message(2)).toBe(
      '5 samples refused, 2 stored: line 2: there is no value: "bad"; line 3: a brace or a quote is not closed: "bad{x=\\"1} 2"; line 4 is longer than the limit importLineBytesMax of 100 bytes; and 2 more',
    );
  });

  test('a timestamp that is too great a number is told from one that is none', async () => {
    const stack = new ImportStack();
    const outcome = await stack.text(`a 1 ${NOW_MS}000000\nb 1 now\n`);
    expect(outcome.rejections.message(0)).toBe(
      `2 samples refused, 0 stored: line 1: the timestamp is beyond what can be stored (is it in nanoseconds?): "a 1 ${NOW_MS}000000"; line 2: the timestamp is not a number of the format: "b 1 now"`,
    );
  });

  test('bytes that are no UTF-8 cost their line', async () => {
    const stack = new ImportStack();
    const outcome = await stack.text(Buffer.from('a{x="\xff"} 1\nb{x="\xc3\xbc"} 2\n', 'latin1'));
    expect(stack.stored()).toEqual(['b{x="ü"} 0=2']);
    expect(outcome.rejections.message(1)).toContain('not valid UTF-8');
  });

  test('too far ahead is refused, a series too many for a shard is one', async () => {
    const stack = new ImportStack({ limits: limitsWith({ activeSeriesMax: 1 }) });
    const outcome = await stack.text(`a 1\nb 2\na 3 ${NOW_MS + LIMITS.timestampAheadMsMax + 1}\n`);
    expect(stack.stored()).toEqual(['a 0=1']);
    expect(outcome.rejections.kind).toBe('cardinality');
    expect(outcome.rejections.message(1)).toMatch(/timestampAheadMsMax.*activeSeriesMax/);
  });
});

describe('bounds and quantiles are named as Prometheus 3 names them when it scrapes', () => {
  /** `lines` as one text, whose samples are all 1; the series without their samples. */
  async function f(lines: readonly string[], series: readonly string[], options: Parameters<ImportStack['text']>[1] = {}): Promise<void> {
    const stack = new ImportStack();
    const outcome = await stack.text(lines.map((line) => (line.startsWith('#') ? line : `${line} 1`)).join('\n'), options);
    expect(outcome.rejections.isEmpty).toBe(true);
    expect(stack.stored().sort()).toEqual(series.map((text) => `${text} 0=1`).sort());
  }
  const le = (values: readonly string[]): string[] => values.map((value) => `h_bucket{le="${value}"}`);

  test('le of histograms', async () => {
    const written = ['1', '0.50', '1e5', '1000000', '0.00001', '123456789', 'inf', 'x', '1e999', '1_0', '-0'];
    await f(['# TYPE h histogram', ...le(written), 'h_sum', 'h{quantile="1"}'], [...le(['1.0', '0.5', '100000.0', '1e+06', '1e-05', '1.23456789e+08', '+Inf', 'x', '1e999', '10.0', '0.0']), 'h_sum', 'h{quantile="1"}']);
  });

  test('quantile of summaries', () => f(['# TYPE s summary', 's{quantile="1"}', 's{quantile=".9"}', 's{le="1"}'], ['s{quantile="1.0"}', 's{quantile="0.9"}', 's{le="1"}']));

  test('nothing of other types, and of none', () => {
    const lines = ['counter', 'gauge', 'gaugehistogram', 'untyped'].flatMap((type) => [`# TYPE ${type} ${type}`, `${type}{le="1",quantile="1"}`]);
    return f(['none{le="1"}', ...lines], ['none{le="1"}', ...['counter', 'gauge', 'gaugehistogram', 'untyped'].map((type) => `${type}{le="1", quantile="1"}`)]);
  });

  test('a TYPE holds until the next one, also for lines of another name', () =>
    f(['# TYPE h histogram', '# HELP a text', 'a{le="1"}', '# a comment', 'b{le="1"}', '# TYPE g gauge', 'c{le="1"}'], ['a{le="1.0"}', 'b{le="1.0"}', 'c{le="1"}']));

  test('one text of a series under several types is several series', () =>
    f(['a{le="1"}', '# TYPE a histogram', 'a{le="1"}', '# TYPE a gauge', 'a{le="1"}', 'a{le="2"}', '# TYPE a histogram', 'a{le="2"}'], ['a{le="1"}', 'a{le="1.0"}', 'a{le="2"}', 'a{le="2.0"}']));

  test('extra labels stay as they are', () => f(['# TYPE h histogram', 'h{le="1"}'], ['h{le="2"}'], { extraLabels: ['le', '2'] }));
});

describe('OpenMetrics', () => {
  test('timestamps are seconds, created lines are start timestamps, exemplars are kept, metadata with its unit', async () => {
    const stack = new ImportStack();
    const at = NOW_MS / 1000;
    const outcome = await stack.openMetrics(
      [
        '# TYPE foo counter',
        '# UNIT foo_seconds seconds',
        '# HELP foo "quoted" \\\\ text',
        `foo_total{a="1"} 17.0 ${at - 1}.5 # {trace_id="abc"} 0.5 ${at - 2}.25`,
        `foo_created{a="1"} 1520000000.123 ${at - 1}.5`,
        `foo_total{a="2"} 5 ${at}`,
        '# TYPE bar histogram',
        `bar_bucket{le="1"} 1 ${at}`,
        `bar_bucket{le="+Inf"} 2 ${at}`,
        `bar_count 2 ${at}`,
        `bar_sum 3 ${at}`,
        `bar_created 1530000000 ${at}`,
        '# TYPE baz summary',
        `baz_created 1540000000 ${at}`,
        `baz{quantile="0.5"} 4 ${at}`,
        `baz_sum 9 ${at}`,
        '# TYPE qux gauge',
        `qux_created 7 ${at}`,
        '# TYPE lone counter',
        `lone_created 8 ${at}`,
        '# EOF\n',
      ].join('\n'),
    );
    expect(outcome.rejections.isEmpty).toBe(true);
    expect(stack.stored()).toEqual([
      'bar_bucket{le="+Inf"} 0=2@1530000000000',
      'bar_bucket{le="1.0"} 0=1@1530000000000',
      'bar_count 0=2@1530000000000',
      'bar_sum 0=3@1530000000000',
      'baz{quantile="0.5"} 0=4@1540000000000',
      'baz_sum 0=9@1540000000000',
      'foo_total{a="1"} -500=17@1520000000123',
      'foo_total{a="2"} 0=5',
      'lone_created 0=8',
      'qux_created 0=7',
    ]);
    const [name] = stack.shards.shardNames as [string];
    const exemplars = stack.shards.storeOf(name).selectExemplars({ version: SHARD_RPC_VERSION, selectors: [[]], startMs: 0, endMs: Infinity });
    expect(exemplars).toMatchObject({ series: [{ exemplars: [{ labels: ['trace_id', 'abc'], value: 0.5, timestampMs: NOW_MS - 1750 }] }] });
    const counted = (name: string) => stack.counters.samples().find((sample) => sample.name === name)?.value;
    expect([counted('varve_ingest_samples_total'), counted('varve_ingest_exemplars_total')]).toEqual([10, 1]);
    const foo = (await stack.metadata()).filter(({ metric }) => metric.startsWith('foo'));
    expect(foo).toEqual([
      { metric: 'foo', type: 'counter', help: '', unit: '' },
      { metric: 'foo', type: 'unknown', help: '"quoted" \\ text', unit: '' },
      { metric: 'foo_seconds', type: 'unknown', help: '', unit: 'seconds' },
    ]);
  });

  test('without its end it says that some may be missing; what stands behind the end is refused', async () => {
    const stack = new ImportStack();
    const cut = await stack.openMetrics('a 1\n');
    expect(cut.rejections.message(1)).toContain('# EOF');
    const behind = await stack.openMetrics('b 1\n# EOF\nc 1\n');
    expect(behind.rejections.message(1)).toContain('behind "# EOF"');
    expect(stack.stored()).toEqual(['a 0=1', 'b 0=1']);
  });

  test('an exemplar of the far future costs the exemplar', async () => {
    const stack = new ImportStack();
    const outcome = await stack.openMetrics(`a_total 1 ${NOW_MS / 1000} # {t="1"} 1 9000000000000\nb_total 2 ${NOW_MS / 1000} # {} 1 4000000000\n# EOF\n`);
    expect(outcome.stored).toEqual({ samples: 2, histograms: 0, exemplars: 0 });
    expect(outcome.rejections.reasons()).toMatch(/a_total: an exemplar: out of bounds: .*b_total: an exemplar: out of bounds/);
  });

  test('a bad exemplar costs the exemplar', async () => {
    const stack = new ImportStack();
    // A name of capitals sorts before those of small letters and underscores.
    const outcome = await stack.openMetrics(`a_total 1 # {x=1} 1\nb_total 2 # {t="${'y'.repeat(128)}"} 1\nc_total 3 # {T="${'y'.repeat(128)}"} 1\n# EOF`);
    expect(stack.stored()).toEqual(['a_total 0=1', 'b_total 0=2', 'c_total 0=3']);
    expect(outcome.stored.exemplars).toBe(0);
    expect(outcome.rejections.samples).toBe(0);
    expect(outcome.rejections.message(2)).toMatch(/line 1: the exemplar is refused.*line 2: .*128 characters.*line 3: .*128 characters/);
  });
});

describe('samples of any age', () => {
  test('young ones can be queried at once, old ones wait for the archive, and the cut is the retention less its margin', async () => {
    const stack = new ImportStack({ shardCount: 3 });
    const cutMs = NOW_MS - LIMITS.hotRetentionMs + LIMITS.importRetentionMarginMs;
    const lines: string[] = [];
    for (let i = 0; i < 5; i++) lines.push(`a{i="${i}"} 1 ${cutMs}`, `a{i="${i}"} 2 ${cutMs - 1}`, `a{i="${i}"} 3 ${NOW_MS - 400 * DAY_MS}`);
    lines.push('b 9 -3000000000000');
    const outcome = await stack.text(lines.join('\n'));
    expect(outcome.rejections.isEmpty).toBe(true);
    expect([outcome.stored.samples, outcome.lateSamples]).toEqual([5, 11]);
    expect(stack.stored()).toEqual(Array.from({ length: 5 }, (_, i) => `a{i="${i}"} ${cutMs - NOW_MS}=1`));
    expect(stack.late()).toEqual([...Array.from({ length: 5 }, (_, i) => `a{i="${i}"} ${cutMs - 1}=2 ${NOW_MS - 400 * DAY_MS}=3`), 'b -3000000000000=9']);
    expect(stack.counters.samples().find(({ name }) => name === 'varve_ingest_late_samples_total')?.value).toBe(11);
    const lateSamples = stack.shards.shardNames.map((name) => stack.shards.storeOf(name).stats().gauges['late_samples']!);
    expect(lateSamples.reduce((sum, samples) => sum + samples)).toBe(11);
  });

  test('what is older than its own series is kept is refused, since nobody could ever read it', async () => {
    const { cold } = readTieringPolicy('{"t":{"cold":{"retention":"30d"},"rules":[{"match":{"job":"debug"},"cold":{"retention":"20d"}},{"match":{"__name__":"=~slo_.*"},"cold":{"retention":"2y"}}]}}')('t');
    const stack = new ImportStack({ keptMsOf: (labels) => cold.of(labels) });
    const ages = [18, 25, 31, 731];
    const outcome = await stack.text(ages.flatMap((days) => ['a', 'a{job="debug"}', 'slo_a'].map((series) => `${series} ${days} ${NOW_MS - days * DAY_MS}`)).join('\n'));
    const at = (...days: number[]): string => days.map((age) => `${NOW_MS - age * DAY_MS}=${age}`).join(' ');
    expect(stack.late()).toEqual([`a ${at(18, 25)}`, `a{job="debug"} ${at(18)}`, `slo_a ${at(18, 25, 31)}`]);
    expect([outcome.lateSamples, outcome.rejections.samples]).toEqual([6, 6]);
    expect(outcome.rejections.message(6)).toContain(
      `6 stored: a{job="debug"}: too old: ${NOW_MS - 25 * DAY_MS} is more than ${20 * DAY_MS} ms ago, and samples of this series are kept no longer (VARVE_ARCHIVE_RETENTION, or cold of VARVE_TIERING); a: too old: ${NOW_MS - 31 * DAY_MS} is more than ${30 * DAY_MS} ms ago`,
    );
  });

  test('sending it again changes nothing', async () => {
    const stack = new ImportStack({ shardCount: 2 });
    const text = Array.from({ length: 100 }, (_, i) => `a{i="${i % 7}"} ${i} ${NOW_MS - i * DAY_MS}`).join('\n');
    const first = await stack.text(text);
    const before = [stack.stored(), stack.late()];
    stack.shards.evictAll();
    const second = await stack.text(text);
    expect([second.stored, second.lateSamples]).toEqual([first.stored, first.lateSamples]);
    expect([stack.stored(), stack.late()]).toEqual(before);
  });

  test('a full queue is a limit by name, and young samples are stored all the same', async () => {
    const stack = new ImportStack({ limits: limitsWith({ lateQueueBytesMax: 10 }) });
    const outcome = await stack.text(`a 1 1000000000000\nb 2\n`);
    expect(stack.stored()).toEqual(['b 0=2']);
    expect(outcome.rejections.kind).toBe('limit');
    expect(outcome.rejections.message(1)).toContain('lateQueueBytesMax');
  });
});

describe('a long body', () => {
  /** Endless lines, in chunks, as long as somebody reads them. */
  function lines(count: number, chunkLines: number, onChunk: (sent: number) => void = () => {}): ReadableStream {
    let sent = 0;
    return byteStream({
      pull: (sink) => {
        if (sent >= count) return sink.close();
        let text = '';
        for (let i = 0; i < chunkLines; i++, sent++) text += `http_requests_total{instance="host-${sent % 500}:9100",job="node",code="200"} ${sent} ${NOW_MS - Math.floor(sent / 500) * 1000}\n`;
        sink.enqueue(Buffer.from(text));
        onChunk(sent);
      },
    });
  }

  test('waits for the shards: nothing is read while they are busy', async () => {
    const stack = new ImportStack();
    let sent = 0;
    let stored = 0;
    let ahead = 0;
    stack.shards.onAppend = () => (ahead = Math.max(ahead, sent - stored));
    const outcome = await stack.text(
      lines(200_000, 500, (lineCount) => {
        sent = lineCount;
        stored = stack.shards.callsOf('append') * 16_384;
      }),
    );
    expect(outcome.stored.samples).toBe(200_000);
    expect(ahead).toBeLessThan(4 * 16_384);
  });

  test('breaks off where a shard cannot be reached, says how far it came, and can be sent again', async () => {
    const stack = new ImportStack();
    const attempt = async (): Promise<unknown> => stack.text(lines(60_000, 500)).catch((error: unknown) => error);
    let appends = 0;
    stack.shards.onAppend = () => {
      if (++appends === 3) stack.shards.faults.push(...Array.from({ length: 8 }, () => 'lose-request' as const));
    };
    const error = await attempt();
    expect(error).toMatchObject({ kind: 'unavailable', message: expect.stringMatching(/\d+ lines were read and [1-9]\d* samples stored before; sending all of it again is harmless/) });
    stack.shards.faults.length = 0;
    await attempt();
    expect(stack.stored().flatMap((row) => row.split(' ').slice(3)).length).toBe(60_000);
  });

  test('damaged half-way keeps what came before', async () => {
    const stack = new ImportStack();
    const packed = gzipSync(Array.from({ length: 20_000 }, (_, i) => `a{i="${i}"} ${i}\n`).join(''));
    const error = await stack.text(packed.subarray(0, packed.length - 2000), {}, { 'content-encoding': 'gzip' }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ kind: 'bad-data', message: expect.stringContaining('not valid gzip') });
    expect(stack.stored().length).toBeGreaterThan(10_000);
  });
});

test('imports over the bound wait, and are then sent away; one that stopped for good does not keep its place', async () => {
  const stack = new ImportStack({ limits: limitsWith({ importsAtOnceMax: 2 }) });
  const stuck = (): ReadableStream => byteStream({ pull: () => new Promise(() => {}) });
  const outcomes = [stack.text(stuck()), stack.text(stuck())].map((import_) => import_.catch((error: unknown) => error));
  await new Promise((resolve) => setImmediate(resolve));
  const third = stack.text('a 1').catch((error: unknown) => error);
  for (let waitedMs = 0; waitedMs <= LIMITS.importSlotWaitMsMax; waitedMs += 50) await stack.clock.advance(50);
  expect(await third).toMatchObject({ kind: 'overloaded', message: expect.stringContaining('importsAtOnceMax') });
  await stack.timers.advance(LIMITS.importIdleMsMax);
  expect(await Promise.all(outcomes)).toMatchObject([{ kind: 'timeout' }, { kind: 'timeout' }]);
  expect((await stack.text('a 1')).stored.samples).toBe(1);
});
