import { describe, expect, test, vi } from 'vitest';
import { InfluxLine } from '../../../proto/influx-line.ts';
import { byteStream } from '../../fakes/byte-stream.ts';
import { limitsWith } from '../../fakes/limits-with.ts';
import { ImportStack, NOW_MS } from './import-stack.ts';

describe('the Influx line protocol', () => {
  test('fields are series, tags are labels; value is an ordinary field', async () => {
    const stack = new ImportStack();
    const outcome = await stack.influx(
      [
        `cpu,host=a,cpu=cpu0 usage_user=1.5,usage_idle=98i,ok=true ${NOW_MS}000000`,
        `cpu,cpu=cpu0,host=a usage_user=2 ${NOW_MS + 1}999999`,
        'temperature,room=k\\ 1 value=21.5',
        ',host=b only_field=1',
        'm,empty= f=1',
      ].join('\n'),
    );
    expect(outcome.rejections.isEmpty).toBe(true);
    expect(stack.stored()).toEqual([
      'cpu_ok{cpu="cpu0", host="a"} 0=1',
      'cpu_usage_idle{cpu="cpu0", host="a"} 0=98',
      'cpu_usage_user{cpu="cpu0", host="a"} 0=1.5 1=2',
      'm_f 0=1',
      'only_field{host="b"} 0=1',
      'temperature_value{room="k 1"} 0=21.5',
    ]);
  });

  test('the database is a label where no tag has its name; extra labels win over both', async () => {
    const stack = new ImportStack();
    await stack.influx('a f=1\na,db=own f=2\n', { database: 'telegraf' });
    await stack.influx('b,x=1 f=1\n', { database: 'telegraf' }, { extraLabels: ['db', 'extra', 'x', '2'] });
    expect(stack.stored()).toEqual(['a_f{db="own"} 0=2', 'a_f{db="telegraf"} 0=1', 'b_f{db="extra", x="2"} 0=1']);
  });

  test('texts are passed over and counted', async () => {
    const stack = new ImportStack();
    const outcome = await stack.influx('system uptime_format="1 day, 2:03",uptime=93780i\nlog msg="a"\n');
    expect(stack.stored()).toEqual(['system_uptime 0=93780']);
    expect([outcome.rejections.isEmpty, outcome.textFields]).toEqual([true, 2]);
    expect(stack.counters.samples()).toContainEqual({ name: 'varve_ingest_influx_text_fields_total', labels: {}, value: 2 });
  });

  test('bad lines, tags and names cost themselves', async () => {
    const stack = new ImportStack({ limits: limitsWith({ labelsPerSeriesMax: 3 }) });
    const outcome = await stack.influx(['a f=1', 'b', 'c,t f=1,g=2', 'd,t=1,t=2 f=1,g=2', 'e,t=1,u=2,v=3 f=1', 'a f=x', 'z f=1'].join('\n'));
    expect(stack.stored()).toEqual(['a_f 0=1', 'z_f 0=1']);
    // b, both fields of c and of d, e, and the second a.
    expect(outcome.rejections.samples).toBe(7);
    expect(outcome.rejections.message(2)).toMatch(/line 2: there are no fields: "b"; line 3: a tag has no name or no value.*line 4: label name "t" is not unique.*labelsPerSeriesMax/);
  });

  test('a text may have newlines, whatever stands in them, and cut where it may be', async () => {
    const text = ['a msg="one', 'b f=1', '', '# two \\"', 'three\\\\",f=2,s="x', '\\"y" 1700000000000', 'c f=3 1700000000001', 'd s="', '",t="",u="', '",f=4 1700000000002', ''].join('\n');
    const bytes = new TextEncoder().encode(text);
    for (const pieceBytes of [bytes.length, 7, 1]) {
      const stack = new ImportStack();
      const body = byteStream({
        start: (controller) => {
          for (let at = 0; at < bytes.length; at += pieceBytes) controller.enqueue(bytes.slice(at, at + pieceBytes));
          controller.close();
        },
      });
      const outcome = await stack.influx(body, { precision: 'ms' });
      expect(stack.stored(), `${pieceBytes}`).toEqual(['a_f 0=2', 'c_f 1=3', 'd_f 2=4']);
      expect([outcome.rejections.isEmpty, outcome.textFields]).toEqual([true, 5]);
    }
  });

  test('a quote too many costs its own line', async () => {
    const limits = limitsWith({ importLineBytesMax: 100 });
    const bad = (lines: readonly string[], limited = limits): Promise<[string[], string]> => {
      const stack = new ImportStack({ limits: limited });
      return stack.influx(lines.join('\n')).then(({ rejections }) => [stack.stored(), rejections.message(0)]);
    };
    // To the end, to a quote that closes nothing, to what is too long together, and to a line that is too long.
    expect(await bad(['a s="x', 'b f=1', 'c f=2'])).toEqual([['b_f 0=1', 'c_f 0=2'], expect.stringMatching(/^1 sample refused.*line 1: a text has no closing quote: "a s=/)]);
    expect(await bad(['a s="x', 'b s="y",f=1', 'c f=2'])).toEqual([['b_f 0=1', 'c_f 0=2'], expect.stringMatching(/^1 sample refused.*line 1: a text has no closing quote/)]);
    const many = Array.from({ length: 30 }, (_, i) => `b,i=${i + 10} f=1`);
    expect(await bad(['z f=1', 'a s="x', ...many])).toEqual([[...many.map((_, i) => `b_f{i="${i + 10}"} 0=1`), 'z_f 0=1'], expect.stringMatching(/^1 sample refused.*line 2: a text has no closing quote/)]);
    expect(await bad(['a s="x', 'b f=1', `c,t=${'x'.repeat(100)} f=1`, 'd f=1'])).toEqual([['b_f 0=1', 'd_f 0=1'], expect.stringMatching(/^2 samples refused.*line 1: a text has no closing quote.*line 3 is longer than/)]);
  });

  test('old points wait for the archive', async () => {
    const stack = new ImportStack();
    const outcome = await stack.influx('a f=1 1000000000\na f=2\n', { precision: 's' });
    expect(outcome.lateSamples).toBe(1);
    expect(stack.late()).toEqual(['a_f 1000000000000=1']);
    expect(stack.stored()).toEqual(['a_f 0=2']);
  });

  test('more series than are remembered come out right', async () => {
    const stack = new ImportStack({ limits: limitsWith({ importSeriesCacheEntriesMax: 10 }) });
    const lines = Array.from({ length: 300 }, (_, i) => `m,i=${i % 37} f${i % 5}=${i} ${NOW_MS - i}`);
    await stack.influx(lines.join('\n'), { precision: 'ms' });
    const samples = stack.stored().flatMap((row) => row.split(' ').slice(1));
    expect(samples.length).toBe(300);
    expect(samples).toContain('-299=299');
  });
});

test('what is remembered of the fields of one head is bounded by what it takes, too', async () => {
  const heads = vi.spyOn(InfluxLine.prototype, 'head');
  try {
    const stack = new ImportStack({ limits: limitsWith({ importSeriesCacheBytesMax: 1000 }) });
    const names = Array.from({ length: 10 }, (_, i) => `${'f'.repeat(200)}${i}`);
    const { stored, rejections } = await stack.influx(names.map((name) => `m ${name}=1\n`).join(''));
    expect([stored.samples, rejections.isEmpty]).toEqual([10, true]);
    // Two such fields fit: the third makes it begin anew.
    expect(heads.mock.calls.length).toBe(5);
  } finally {
    heads.mockRestore();
  }
});
