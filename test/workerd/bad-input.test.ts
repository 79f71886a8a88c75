import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { encodeWriteRequest } from '../../proto/encode-write-request.ts';
import { snappyEncode } from '../../proto/snappy.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { ask, getJson, instant, postForm, postWrite, series, write, WRITE_HEADERS } from './client.ts';

/*
 * What a hostile or broken client may send. Each gets a clear error with the right status, and after each the Worker still takes a good
 * write and answers a good query.
 */
const nowMs = Math.floor(Date.now() / 1000) * 1000 - 600_000;
const good = encodeWriteRequest([
  series({ __name__: 'bad_input_a', x: '1' }, [nowMs, 1], [nowMs + 1000, 2]),
  series({ __name__: 'bad_input_b', x: '2' }, [nowMs, 3]),
]);
let writes = 0;

// The first request makes the whole Worker ready, which takes longer than all that follow.
beforeAll(() => write(series({ __name__: 'bad_input_ready' }, [nowMs, 1])));

afterEach(async () => {
  await write(series({ __name__: 'bad_input_alive' }, [nowMs + ++writes, writes]));
  expect(await instant('bad_input_alive', nowMs + writes)).toEqual([{ metric: { __name__: 'bad_input_alive' }, value: [(nowMs + writes) / 1000, String(writes)] }]);
});

async function refused(body: Uint8Array | ReadableStream, status: number, text: RegExp, headers?: Record<string, string>): Promise<void> {
  const answer = await postWrite(body, headers);
  const message = await answer.text();
  expect([answer.status, message]).toEqual([status, expect.stringMatching(text)]);
  expect(message.trim().split('\n')).toHaveLength(1);
  expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8');
}

function concat(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

describe('snappy', () => {
  test('a body that is none', async () => {
    await refused(new Uint8Array(0), 400, /^snappy: /);
    await refused(new TextEncoder().encode('hello, world'), 400, /^snappy: /);
    await refused(good, 400, /^(?:snappy|remote write): /);
    await refused(new Uint8Array(1000).fill(0xff), 400, /^snappy: /);
  });

  test('a declared length of 4 GiB, with nothing behind it and with much', async () => {
    const claim = [0xff, 0xff, 0xff, 0xff, 0x0f];
    await refused(concat(claim), 400, /^snappy: the declared length of 4294967295 bytes is above the limit writeUncompressedBytesMax of 33554432/);
    await refused(concat(claim, snappyEncode(good)), 400, /declared length of 4294967295/);
    await refused(concat([0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]), 400, /^snappy: the length in front/);
    // Within the limit, but more than these bytes could hold.
    await refused(concat([0x80, 0x80, 0x80, 0x08], [0, 0]), 400, /cannot come out of/);
  });

  test('cut off at every byte', async () => {
    const whole = snappyEncode(good);
    for (let length = 0; length < whole.length; length++) await refused(whole.subarray(0, length), 400, /^(?:snappy|remote write): /);
  });
});

describe('protobuf', () => {
  test('cut off at every byte: refused, or the whole series that are there', async () => {
    const first = encodeWriteRequest([series({ __name__: 'bad_input_a', x: '1' }, [nowMs, 1], [nowMs + 1000, 2])]).length;
    for (let length = 0; length < good.length; length++) {
      const body = snappyEncode(good.subarray(0, length));
      if (length === 0 || length === first) expect((await postWrite(body)).status, `${length} bytes`).toBe(204);
      else await refused(body, 400, /^remote write: /);
    }
  });

  test('a byte changed is never more than a clear answer', async () => {
    const flipped = async (position: number, flip: number): Promise<void> => {
      const changed = good.slice();
      changed[position]! ^= flip;
      const answer = await postWrite(snappyEncode(changed));
      expect([204, 400], `byte ${position} ^ ${flip}: ${await answer.text()}`).toContain(answer.status);
    };
    for (let position = 0; position < good.length; position++) await Promise.all([0x01, 0x08, 0x80, 0xff].map((flip) => flipped(position, flip)));
  });

  test('labels that are no labels', async () => {
    const send = (labels: readonly string[], text: RegExp): Promise<void> =>
      refused(snappyEncode(encodeWriteRequest([{ labels, timestampsMs: [nowMs], values: [1] }])), 400, text);
    await send([], /__name__ is missing/);
    await send(['x', '1'], /__name__ is missing/);
    await send(['__name__', ''], /__name__ is missing/);
    await send(['__name__', 'a', '', 'x'], /label name is empty/);
    await send(['__name__', 'a', 'x', '1', 'x', '2'], /"x" is not unique/);
    await send(['__name__', 'a', 'x', 'v'.repeat(LIMITS.labelValueBytesMax + 1)], /labelValueBytesMax is 2048/);
    await send(['__name__', 'a', 'n'.repeat(LIMITS.labelNameBytesMax + 1), 'v'], /labelNameBytesMax is 1024/);
    const many = Array.from({ length: LIMITS.labelsPerSeriesMax }, (_, i) => [`l${i}`, 'v']).flat();
    await send(['__name__', 'a', ...many], /labelsPerSeriesMax is 64/);
  });

  test('times that are too far away, beside good samples that are stored', async () => {
    const far = series({ __name__: 'bad_input_far' }, [nowMs, 7], [Date.now() + 3_600_000, 1], [Date.now() - 2 * LIMITS.hotWindowMs, 1]);
    await refused(snappyEncode(encodeWriteRequest([far])), 400, /^2 samples refused, 1 stored: .*out of bounds: .*too old: /);
    expect(await instant('bad_input_far', nowMs)).toHaveLength(1);
  });

  test('an empty histogram and an empty exemplar are refused by name', async () => {
    // TimeSeries { labels, histograms = 4: empty } and { labels, exemplars = 3: empty }.
    const named = encodeWriteRequest([series({ __name__: 'bad_input_histogram' })]).subarray(2);
    const withField = (field: number): Uint8Array => snappyEncode(concat([0x0a, named.length + 2], named, [(field << 3) | 2, 0]));
    await refused(withField(4), 400, /^1 histogram refused, .*too old/);
    await refused(withField(3), 400, /^1 exemplar refused, .*an exemplar without a timestamp/);
  });
});

describe('size', () => {
  test('by its declared length', async () => {
    await refused(new Uint8Array(LIMITS.writeBodyBytesMax + 1), 413, /writeBodyBytesMax of 33554432 bytes/);
    // One byte less is read, and is no snappy.
    await refused(new Uint8Array(LIMITS.writeBodyBytesMax), 400, /^snappy: /);
  });

  test('in chunks, without a declared length: not read for ever', async () => {
    let sentBytes = 0;
    const endless = new ReadableStream({
      pull(controller) {
        sentBytes += 1 << 20;
        controller.enqueue(new Uint8Array(1 << 20));
      },
    });
    await refused(endless, 413, /writeBodyBytesMax/);
    expect(sentBytes).toBeLessThan(5 * LIMITS.writeBodyBytesMax);
  });

  test('in chunks, and good', async () => {
    const whole = snappyEncode(good);
    const chunks = new ReadableStream({
      start(controller) {
        for (const byte of whole) controller.enqueue(Uint8Array.of(byte));
        controller.close();
      },
    });
    expect((await postWrite(chunks)).status).toBe(204);
  });

  test('a form', async () => {
    const { status, json } = await postForm('/api/v1/query', { query: 'x'.repeat(LIMITS.queryBodyBytesMax) });
    expect([status, json.errorType, json.error]).toEqual([413, 'bad_data', expect.stringContaining('queryBodyBytesMax')]);
  });
});

describe('headers of a write', () => {
  const body = snappyEncode(good);
  const takes = async (headers: Record<string, string>): Promise<void> => expect((await postWrite(body, headers)).status, JSON.stringify(headers)).toBe(204);
  const refuses = (headers: Record<string, string>, text: RegExp): Promise<void> => refused(body, 415, text, { ...WRITE_HEADERS, ...headers });

  test('what 1.0 senders send', async () => {
    await takes(WRITE_HEADERS);
    await takes({});
    await takes({ 'content-type': 'application/x-protobuf' });
    await takes({ ...WRITE_HEADERS, 'content-type': 'application/x-protobuf;proto=prometheus.WriteRequest' });
    await takes({ ...WRITE_HEADERS, 'content-type': 'application/x-protobuf; proto=prometheus.WriteRequest' });
    // The version header does not choose the message.
    await takes({ ...WRITE_HEADERS, 'x-prometheus-remote-write-version': '2.0.0' });
  });

  test('what is not supported', async () => {
    await refuses({ 'content-type': 'application/json' }, /application\/json is not supported/);
    await refuses({ 'content-type': 'text/plain' }, /text\/plain is not supported/);
    await refuses({ 'content-type': 'application/x-protobuf;proto=x' }, /protobuf message x is not supported/);
    for (const encoding of ['gzip', 'zstd', 'deflate', 'identity', 'x-snappy-framed']) {
      await refuses({ 'content-encoding': encoding }, new RegExp(`content encoding ${encoding} is not supported`));
    }
  });

  test('a 1.0 answer has none of the headers of 2.0', async () => {
    for (const answer of [await postWrite(body), await postWrite(new Uint8Array(3))]) {
      expect([...answer.headers.keys()].filter((name) => name.startsWith('x-prometheus'))).toEqual([]);
    }
  });
});

describe('queries', () => {
  const bad = async (query: string, text: RegExp): Promise<void> => {
    const { status, json } = await postForm('/api/v1/query', { query });
    expect([status, json.errorType, json.error]).toEqual([400, 'bad_data', expect.stringMatching(text)]);
    expect(json.error!.length).toBeLessThan(1000);
  };

  test('deep nesting', async () => {
    await bad('('.repeat(100_000), /queryTextCharactersMax is 65536/);
    const depth = 30_000;
    await bad('('.repeat(depth), /^invalid parameter "query": 1:\d+: parse error: /);
    await bad(`${'('.repeat(depth)}1${')'.repeat(depth)}`, /parse error: /);
    await bad(`${'-'.repeat(depth)}1`, /parse error: /);
    await bad(`${'sum('.repeat(10_000)}x${')'.repeat(10_000)}`, /parse error: /);
    await bad(`${'x^'.repeat(depth)}x`, /parse error: /);
  });

  test('a query of a megabyte', async () => {
    await bad('x'.repeat(900_000), /queryTextCharactersMax is 65536/);
    const many = 'x+'.repeat(LIMITS.queryTextCharactersMax / 2 - 1);
    const { status } = await postForm('/api/v1/query', { query: `${many}x` });
    expect([200, 400, 422]).toContain(status);
  });

  test('a long URL', async () => {
    const { status } = await getJson('/api/v1/query', { query: 'x'.repeat(100_000) });
    expect(status).toBe(400);
  });

  test('bytes that are no UTF-8', async () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    for (const body of [Uint8Array.from([...new TextEncoder().encode('query=up{a="'), 0xff, 0xfe, 0x22, 0x7d]), new TextEncoder().encode('query=%ff%fe'), new TextEncoder().encode('query=%zz&%=&&=')]) {
      const answer = await ask('/api/v1/query', { method: 'POST', headers, body });
      expect([200, 400]).toContain(answer.status);
      expect(await answer.json()).toHaveProperty('status');
    }
  });

  test('very many selectors', async () => {
    const selectors = (count: number): [string, string][] => Array.from({ length: count }, (_, i) => ['match[]', `m${i}`]);
    const most = await postForm('/api/v1/series', selectors(LIMITS.selectorsPerRequestMax));
    expect([most.status, most.json.data]).toEqual([200, []]);
    const tooMany = await postForm('/api/v1/series', selectors(50_000));
    expect([tooMany.status, tooMany.json.error]).toEqual([400, expect.stringContaining('selectorsPerRequestMax is 1000')]);
  });

  test('a regular expression that backtracking engines never finish', async () => {
    await write(series({ __name__: 'bad_input_long', value: 'a'.repeat(2000) }, [nowMs, 1]));
    expect(await instant('bad_input_long{value=~"(a+)+b"}', nowMs)).toEqual([]);
    expect(await instant('bad_input_long{value=~"(a|aa)+"}', nowMs)).toHaveLength(1);
    await bad('x{a=~"("}', /parse error: /);
    await bad('x{a=~"(?=b)"}', /parse error: /);
  });

  test('names of properties that every object has', async () => {
    await write(series({ __name__: 'constructor', __proto__x: '1', toString: 'a', hasOwnProperty: 'b' }, [nowMs, 1]));
    expect(await instant('constructor', nowMs)).toEqual([{ metric: { __name__: 'constructor', __proto__x: '1', hasOwnProperty: 'b', toString: 'a' }, value: [nowMs / 1000, '1'] }]);
    expect(await instant('sum by (toString, valueOf) (constructor)', nowMs)).toEqual([{ metric: { toString: 'a' }, value: [nowMs / 1000, '1'] }]);
    const proto = { labels: ['__name__', 'bad_input_proto', '__proto__', 'x'], timestampsMs: [nowMs], values: [1] };
    await write(proto);
    expect((await postForm('/api/v1/query', { query: 'bad_input_proto', time: nowMs / 1000 })).text).toContain('"__proto__":"x"');
  });
});

describe('paths', () => {
  beforeAll(() => write(series({ __name__: 'bad_input_path', 'nul\0name': 'nul' }, [nowMs, 1])));

  test('a NUL in a name is a name; bytes that are no UTF-8 are not', async () => {
    const values = async (path: string): Promise<[number, unknown]> => {
      const { status, json } = await getJson(`/api/v1/label/${path}/values`);
      return [status, json.data ?? json.errorType];
    };
    expect(await values('nul%00name')).toEqual([200, ['nul']]);
    expect(await values('%00')).toEqual([200, []]);
    expect(await values('U__nul_0_name')).toEqual([200, ['nul']]);
    expect(await values('%ff')).toEqual([400, 'bad_data']);
    expect(await values('a%c3')).toEqual([400, 'bad_data']);
  });

  test('others', async () => {
    for (const path of ['/%00', '/api/v1/%00', '/api/v1/../../etc/passwd', '//', '/api/v1/query%00', '/%ff', `/${'a/'.repeat(5000)}`, '/api/v1/label//values']) {
      const answer = await ask(path);
      expect(answer.status, path).toBe(404);
      await answer.text();
    }
  });
});
