import { describe, expect, test } from 'vitest';
import { crc32c } from '../../../proto/crc32c.ts';
import { snappyEncode, snappyJsDecoder } from '../../../proto/snappy.ts';
import { ByteReader } from '../../../proto/varint.ts';
import { EMPTY_HISTOGRAM } from '../../../storage/model/histogram.ts';
import { labelsFrom } from '../../../storage/model/labels.ts';
import { STALE_BITS_HIGH, STALE_BITS_LOW, writeStale } from '../../../storage/model/sample.ts';
import { bytesField, varintField } from '../../proto/protobuf-fields.ts';
import { readXorChunk } from '../../proto/xor-chunk-reader.ts';
import { write } from '../../storage/shard/batches.ts';
import { memoryApi, NOON } from '../api.ts';

const MATCH = { '=': 0, '!=': 1, '=~': 2, '!~': 3 } as const;
type Wanted = readonly [name: string, type: keyof typeof MATCH, value: string];

function query(startMs: number | bigint, endMs: number | bigint, ...matchers: readonly Wanted[]): number[] {
  const encoded = matchers.flatMap(([name, type, value]) => bytesField(3, [...varintField(1, MATCH[type]), ...bytesField(2, name), ...bytesField(3, value)]));
  return bytesField(1, [...varintField(1, startMs), ...varintField(2, endMs), ...encoded, ...bytesField(4, varintField(1, 15_000))]);
}

const SAMPLES = varintField(2, 0);
const STREAMED = varintField(2, 1);

type Api = Awaited<ReturnType<typeof memoryApi>>;

function read(api: Api, ...parts: readonly (readonly number[])[]): Promise<Response> {
  return api.ask('/api/v1/read', { method: 'POST', headers: { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' }, body: snappyEncode(Uint8Array.from(parts.flat())) as BodyInit });
}

/** Fields of a message as field number and content, an independent reading of what was written. */
function fields(bytes: Uint8Array): [number, number | Uint8Array][] {
  const reader = new ByteReader(bytes);
  const found: [number, number | Uint8Array][] = [];
  while (!reader.done) {
    const tag = reader.varint();
    const wireType = tag % 8;
    found.push([Math.floor(tag / 8), wireType === 2 ? reader.take(reader.varint()) : wireType === 1 ? reader.take(8) : reader.varint()]);
  }
  return found;
}

const all = (bytes: Uint8Array, field: number): Uint8Array[] => fields(bytes).flatMap(([number, content]) => (number === field ? [content as Uint8Array] : []));
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const labelsOf = (series: Uint8Array): string[] => all(series, 1).map((label) => fields(label).map(([, part]) => text(part as Uint8Array)).join('='));

/** Each result as lines `labels: time value-bits …`. */
async function samplesOf(answer: Response): Promise<string[][]> {
  expect([answer.status, answer.headers.get('content-type'), answer.headers.get('content-encoding')]).toEqual([200, 'application/x-protobuf', 'snappy']);
  const message = snappyJsDecoder(1e8)(new Uint8Array(await answer.arrayBuffer()));
  return all(message, 1).map((result) =>
    all(result, 1).map((series) => {
      const samples = all(series, 2).map((sample) => {
        const [[, value], [, timestampMs]] = fields(sample) as [[number, Uint8Array], [number, number]];
        return `${timestampMs - NOON} ${new DataView(value.slice().buffer).getBigUint64(0, true).toString(16)}`;
      });
      return `${labelsOf(series).join()}: ${samples.join(', ')}`;
    }),
  );
}

interface Frame {
  readonly queryIndex: number;
  readonly line: string;
  readonly chunkLengths: readonly number[];
}

async function framesOf(answer: Response): Promise<Frame[]> {
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse']);
  const reader = new ByteReader(new Uint8Array(await answer.arrayBuffer()));
  const frames: Frame[] = [];
  while (!reader.done) {
    const length = reader.varint();
    const checksum = new DataView(reader.take(4).slice().buffer).getUint32(0);
    const message = reader.take(length);
    expect(crc32c(message)).toBe(checksum);
    const queryIndex = (fields(message).find(([field]) => field === 2)?.[1] as number | undefined) ?? 0;
    for (const series of all(message, 1)) {
      const chunks = all(series, 2).map((chunk) => new Map(fields(chunk)));
      const samples = chunks.flatMap((chunk) => {
        const decoded = readXorChunk(chunk.get(4) as Uint8Array);
        expect([chunk.get(1), chunk.get(2), chunk.get(3)]).toEqual([decoded[0]!.timestampMs, decoded.at(-1)!.timestampMs, 1]);
        return decoded;
      });
      const line = samples.map(({ timestampMs, bits }) => `${timestampMs - NOON} ${bits.toString(16)}`).join(', ');
      frames.push({ queryIndex, line: `${labelsOf(series).join()}: ${line}`, chunkLengths: chunks.map((chunk) => (chunk.get(4) as Uint8Array)[1]!) });
    }
  }
  return frames;
}

const bits = (value: number): string => new DataView(Float64Array.of(value).buffer).getBigUint64(0, true).toString(16);

async function filled(shardCount = 1): Promise<Api> {
  const api = await memoryApi({ shardCount });
  api.write(0, { __name__: 'm', i: 'a' }, [1, 2.5]);
  api.write(shardCount - 1, { __name__: 'm', i: 'b' }, [-1]);
  return api;
}

test('a range that ends before it begins is of nothing, and no shard is asked', async () => {
  const api = await memoryApi({ shardCount: 2 });
  api.write(0, { __name__: 'm' }, [1, 2, 3]);
  expect(await samplesOf(await read(api, query(NOON + 2000, NOON, ['__name__', '=', 'm']), SAMPLES))).toEqual([[]]);
  expect(api.shards.callsOf('select')).toBe(0);
});

describe('remote read', () => {
  test.each([1, 2])('both forms give the same samples, of %i shards', async (shardCount) => {
    const api = await filled(shardCount);
    const wanted = [`__name__=m,i=a: 0 ${bits(1)}, 1000 ${bits(2.5)}`, `__name__=m,i=b: 0 ${bits(-1)}`];
    const asked = query(NOON, NOON + 5000, ['__name__', '=', 'm']);
    expect(await samplesOf(await read(api, asked))).toEqual([wanted]);
    expect(await samplesOf(await read(api, asked, SAMPLES, STREAMED))).toEqual([wanted]);
    expect((await framesOf(await read(api, asked, STREAMED, SAMPLES))).map(({ line }) => line)).toEqual(wanted);
    // An unknown type is passed over; packed is another spelling.
    expect((await framesOf(await read(api, asked, bytesField(2, [7, 1])))).map(({ line }) => line)).toEqual(wanted);
  });

  test('several queries, every type of matcher, ends of the range included', async () => {
    const api = await filled();
    const queries = [
      query(NOON + 1000, NOON + 1000, ['__name__', '=', 'm'], ['i', '!=', 'b']),
      query(-(2n ** 63n), 2n ** 63n - 1n, ['i', '=~', 'b|c']),
      query(NOON, NOON, ['__name__', '=', 'm'], ['i', '!~', 'b']),
      query(NOON + 2000, NOON + 3000, ['__name__', '=', 'm']),
    ];
    const a = (time: number, value: number): string => `__name__=m,i=a: ${time} ${bits(value)}`;
    expect(await samplesOf(await read(api, ...queries))).toEqual([[a(1000, 2.5)], [`__name__=m,i=b: 0 ${bits(-1)}`], [a(0, 1)], []]);
    expect((await framesOf(await read(api, ...queries, STREAMED))).map(({ queryIndex }) => queryIndex)).toEqual([0, 1, 2]);
  });

  test('stale markers and other NaNs keep their bits', async () => {
    const api = await filled();
    const values = Float64Array.of(NaN, 0);
    writeStale(values, 1);
    api.shards.storeOf(api.shards.shardNames[0]!).appendLocal([{ labels: labelsFrom({ __name__: 'n' }), timestampsMs: [NOON, NOON + 1], values }]);
    const stale = ((BigInt(STALE_BITS_HIGH) << 32n) | BigInt(STALE_BITS_LOW)).toString(16);
    const asked = query(0, NOON + 1, ['__name__', '=', 'n']);
    expect(await samplesOf(await read(api, asked))).toEqual([[`__name__=n: 0 ${bits(NaN)}, 1 ${stale}`]]);
    expect((await framesOf(await read(api, asked, STREAMED))).map(({ line }) => line)).toEqual([`__name__=n: 0 ${bits(NaN)}, 1 ${stale}`]);
  });

  test('histograms, and floats between them', async () => {
    const api = await memoryApi();
    const histogram = { ...EMPTY_HISTOGRAM, schema: 1, count: 3, sum: 4.5, positiveSpans: [{ offset: -2, length: 1 }], positiveBuckets: [3] };
    const samples = [[NOON, 1], [NOON + 1, histogram], [NOON + 2, histogram], [NOON + 3, 2], [NOON + 4, 3]] as const;
    write(api.shards.storeOf(api.shards.shardNames[0]!), [{ labels: labelsFrom({ __name__: 'h' }), samples }]);
    const asked = query(0, NOON + 9, ['__name__', '=', 'h']);
    const message = snappyJsDecoder(1e8)(new Uint8Array(await (await read(api, asked)).arrayBuffer()));
    const [series] = all(all(message, 1)[0]!, 1);
    expect([all(series!, 2).length, all(series!, 4).length]).toEqual([3, 2]);
    const field = new Map(fields(all(series!, 4)[1]!));
    const double = (number: number): number => new DataView((field.get(number) as Uint8Array).slice().buffer).getFloat64(0, true);
    expect([double(2), double(3), field.get(4), field.get(15), double(13)]).toEqual([3, 4.5, 2, NOON + 2, 3]);
    expect(fields(field.get(11) as Uint8Array)).toEqual([[1, 3], [2, 1]]);
    const frames = new ByteReader(new Uint8Array(await (await read(api, asked, STREAMED)).arrayBuffer()));
    const length = frames.varint();
    frames.take(4);
    const chunks = all(all(frames.take(length), 1)[0]!, 2).map((chunk) => new Map(fields(chunk)));
    expect(chunks.map((chunk) => [(chunk.get(1) as number) - NOON, (chunk.get(2) as number) - NOON, chunk.get(3)])).toEqual([[0, 0, 1], [1, 1, 3], [2, 2, 3], [3, 4, 1]]);
  });

  test('long series are cut into chunks of 120', async () => {
    const api = await memoryApi();
    api.write(0, { __name__: 'long' }, Array.from({ length: 301 }, (_, i) => i / 3));
    const [frame] = await framesOf(await read(api, query(0, NOON * 2, ['__name__', '=', 'long']), STREAMED));
    expect(frame!.chunkLengths).toEqual([120, 120, 61]);
    expect(frame!.line.split(', ')).toHaveLength(301);
  });

  test('bad requests', async () => {
    const api = await filled();
    const fails = async (answer: Promise<Response>, pattern: RegExp): Promise<void> => {
      const { status } = await answer;
      const { errorType, error } = (await (await answer).json()) as { errorType: string; error: string };
      expect([status, errorType], error).toEqual([400, 'bad_data']);
      expect(error).toMatch(pattern);
    };
    await fails(api.ask('/api/v1/read', { method: 'POST', body: 'not snappy at all' }), /^the read request cannot be decoded: /);
    await fails(read(api, [0x0a, 0x05]), /cannot be decoded: remote read: the field at byte 2 reaches beyond its end at byte 2/);
    await fails(read(api, query(0, 1, ['a', '=~', '('])), /^matcher a=~"\(": /);
    const large = query(0, 1, ['a', '=~', '(a?b|c){1000}']);
    await fails(read(api, ...Array.from({ length: 10 }, () => large)), /^matcher a=~"\(a\?b\|c\)\{1000\}": regular expressions of the request are too large together$/);
    await fails(read(api, bytesField(1, bytesField(3, varintField(1, 9)))), /matcher type 9/);
    await fails(read(api, varintField(2, 9)), /none of the accepted response types 9/);
    expect(api.shards.callsOf('select')).toBe(0);
  });

  test('a shard that cannot be read fails the request before the first byte', async () => {
    const api = await filled(2);
    api.shards.faults.push('lose-request', undefined, 'lose-request');
    expect((await read(api, query(0, NOON, ['__name__', '=', 'm']), STREAMED)).status).toBe(503);
  });
});
