import { describe, expect, test } from 'vitest';
import { Admission } from '../../../ingest/admission.ts';
import { MetadataSink } from '../../../ingest/metadata-sink.ts';
import { RemoteWriteDoor } from '../../../ingest/remote-write/remote-write-door.ts';
import { NOTHING_COUNTED } from '../../../ingest/write-counts.ts';
import { WriteGate } from '../../../ingest/write-gate.ts';
import { writeResponse, type WriteOutcome } from '../../../ingest/write-outcome.ts';
import { encodeWriteRequest } from '../../../proto/encode-write-request.ts';
import { snappyEncode, snappyJsDecoder, type SnappyDecode } from '../../../proto/snappy.ts';
import { compareLabels, formatLabels, labelsFrom, type Labels } from '../../../storage/model/labels.ts';
import { CacheBudget } from '../../../storage/runtime/cache-budget.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { Counters } from '../../../storage/runtime/metrics.ts';
import { DEFAULT_TENANT_LIMITS } from '../../../storage/runtime/tenant-limits.ts';
import { HOUR_MS } from '../../../storage/runtime/units.ts';
import { ShardRouter } from '../../../storage/shard-router.ts';
import { readSelectPage } from '../../../storage/shard/select/select-page.ts';
import { SHARD_RPC_VERSION } from '../../../storage/shard/shard-api.ts';
import { FixedClock } from '../../fakes/fixed-clock.ts';
import { limitsWith } from '../../fakes/limits-with.ts';
import { MemoryShards } from '../../fakes/memory-shards.ts';
import { bytesField, label, request, sample, series as rawSeries } from '../../proto/protobuf-fields.ts';
import { encodeReferenceV1 } from '../../proto/reference-messages.ts';

const NOW_MS = 1_700_000_000_000;

interface Sent {
  readonly labels: readonly string[];
  readonly samples: readonly (readonly [timestampMs: number, value: number])[];
}

function encode(sent: readonly Sent[]): Uint8Array {
  return encodeWriteRequest(sent.map(({ labels, samples }) => ({ labels, timestampsMs: samples.map(([at]) => at), values: samples.map(([, value]) => value) })));
}

/** A decoder that answers with the same memory every time, as the WebAssembly one does: whoever keeps the view reads another request. */
function overwritingDecoder(): SnappyDecode {
  const decode = snappyJsDecoder(LIMITS.writeUncompressedBytesMax);
  const memory = new Uint8Array(4 * 1024 * 1024);
  return (compressed) => {
    const plain = decode(compressed);
    memory.fill(0xee);
    memory.set(plain, 64);
    return memory.subarray(64, 64 + plain.length);
  };
}

class Stack {
  readonly shards: MemoryShards;
  readonly door: RemoteWriteDoor;
  readonly #router: ShardRouter;

  constructor(shardCount: number, limits = LIMITS) {
    this.shards = new MemoryShards(limits);
    this.#router = new ShardRouter(this.shards, shardCount, new FixedClock(0));
    const clock = new FixedClock(NOW_MS);
    this.door = new RemoteWriteDoor({
      uncompress: overwritingDecoder(),
      clock,
      limits,
      metadata: new MetadataSink(limits, clock, new Counters()),
      gate: new WriteGate(new Admission(() => ({ ...DEFAULT_TENANT_LIMITS, ...limits }), limits, clock), undefined),
      caches: new CacheBudget(limits, clock, new Counters()),
    });
  }

  async write(...sent: Sent[]): Promise<WriteOutcome> {
    return this.send(encode(sent));
  }

  async send(message: Uint8Array): Promise<WriteOutcome> {
    return this.door.write(await this.#router.tenant('default'), snappyEncode(message), 1);
  }

  /** Everything in all shards as `series time=value`, and on how many shards it lies. */
  stored(): string[] {
    const rows: { labels: Labels; text: string }[] = [];
    for (const name of this.shards.shardNames) {
      const answer = this.shards.storeOf(name).select({ version: SHARD_RPC_VERSION, matchers: [], startMs: -Infinity, endMs: Infinity, after: undefined, samplesMax: 1e7 });
      if (answer.status !== 'page' || answer.more) throw new Error('one page expected');
      for (const { labels, timestampsMs, values } of readSelectPage(answer.page)) {
        rows.push({ labels, text: `${formatLabels(labels)} ${Array.from(timestampsMs, (at, i) => `${at - NOW_MS}=${values[i]}`).join(' ')}` });
      }
    }
    return rows.sort((a, b) => compareLabels(a.labels, b.labels)).map(({ text }) => text);
  }
}

function up(i: number, ...samples: (readonly [afterNowMs: number, value: number])[]): Sent {
  return { labels: labelsFrom({ __name__: 'up', i: String(i) }), samples: samples.map(([afterNowMs, value]) => [NOW_MS + afterNowMs, value]) };
}

function many(count: number, value: number): Sent[] {
  return Array.from({ length: count }, (_, i) => up(i, [0, value + i], [1000, value - i]));
}

function lines(...all: Sent[]): string[] {
  const sorted = [...all].sort((a, b) => compareLabels(a.labels, b.labels));
  return sorted.map(({ labels, samples }) => `${formatLabels(labels)} ${samples.map(([at, value]) => `${at - NOW_MS}=${value}`).join(' ')}`);
}

describe.each([1, 4])('with %d shards', (shardCount) => {
  test('new series are stored after one question, known ones without', async () => {
    const stack = new Stack(shardCount);
    const outcome = await stack.write(...many(100, 5));
    expect(outcome).toMatchObject({ stored: { samples: 200 } });
    expect(outcome.rejections.isEmpty).toBe(true);
    expect(stack.shards.callsOf('append')).toBe(2 * shardCount);
    expect(stack.stored()).toEqual(lines(...many(100, 5)));
    expect(stack.shards.shardNames.length).toBe(shardCount);
    await stack.write(...many(100, 7));
    expect(stack.shards.callsOf('append')).toBe(3 * shardCount);
    expect(stack.stored()).toEqual(lines(...many(100, 7)));
    expect(stack.shards.callsOf('routing')).toBe(1);
  });

  test('the order of labels in a request does not matter', async () => {
    const stack = new Stack(shardCount);
    await stack.write({ labels: ['__name__', 'x', 'a', '1', 'b', '2'], samples: [[NOW_MS, 1]] });
    await stack.write({ labels: ['b', '2', 'empty', '', 'a', '1', '__name__', 'x'], samples: [[NOW_MS + 1, 2]] });
    expect(stack.stored()).toEqual(['x{a="1", b="2"} 0=1 1=2']);
  });

  test('shards that are evicted between any two calls', async () => {
    const stack = new Stack(shardCount);
    stack.shards.onAppend = (name) => stack.shards.evict(name);
    for (const value of [1, 2, 3]) await stack.write(...many(50, value));
    expect(stack.stored()).toEqual(lines(...many(50, 3)));
  });

  test('a request or an answer that is lost is sent once more', async () => {
    for (const fault of ['lose-request', 'lose-answer'] as const) {
      const stack = new Stack(shardCount);
      for (let at = 0; at < 3 * shardCount; at++) {
        stack.shards.faults.splice(0, Infinity, ...Array.from({ length: at }, () => undefined), fault);
        expect(await stack.write(...many(40, at)), `${fault} at call ${at}`).toMatchObject({ stored: { samples: 80 } });
        expect(stack.stored()).toEqual(lines(...many(40, at)));
      }
    }
  });

  test('a request that is sent again changes nothing', async () => {
    const stack = new Stack(shardCount);
    for (let i = 0; i < 3; i++) expect(await stack.write(...many(30, 1))).toMatchObject({ stored: { samples: 60 } });
    expect(stack.stored()).toEqual(lines(...many(30, 1)));
  });

  test('a NaN that would pass for a histogram is any NaN', async () => {
    const stack = new Stack(shardCount);
    const message = encode([up(1, [0, 1.5])]);
    message.set(new Uint8Array(Uint32Array.of(7, 0xfffa0000).buffer), message.length - 15);
    expect(await stack.send(message)).toMatchObject({ stored: { samples: 1, histograms: 0 } });
    expect(stack.stored()).toEqual(lines(up(1, [0, NaN])));
  });

  test('requests in flight together do not read each other', async () => {
    const stack = new Stack(shardCount);
    const requests = Array.from({ length: 8 }, (_, r) => Array.from({ length: 20 + r * 30 }, (_, i) => up(r * 1000 + i, [r, r * 1000 + i])));
    const outcomes = await Promise.all(requests.map((sent) => stack.write(...sent)));
    expect(outcomes.map(({ stored }) => stored.samples)).toEqual(requests.map((sent) => sent.length));
    expect(stack.stored()).toEqual(lines(...requests.flat()));
    // And with everybody known, one of them not: its labels are looked up while the others go on.
    const next = requests.map((sent, r) => [...sent, up(50_000 + r, [r, r])]);
    await Promise.all(next.map((sent) => stack.write(...sent)));
    expect(stack.stored()).toEqual(lines(...next.flat()));
  });

  test('batches are cut at batchSamplesMax, also inside a series', async () => {
    for (const batchSamplesMax of [1, 3, 7]) {
      const stack = new Stack(shardCount, limitsWith({ batchSamplesMax }));
      const sent = [up(1, ...Array.from({ length: 20 }, (_, i) => [i, i] as const)), up(2, [0, 1]), up(3, [0, 1], [1, 2], [2, 3])];
      expect(await stack.write(...sent)).toMatchObject({ stored: { samples: 24 } });
      expect(stack.stored()).toEqual(lines(...sent));
    }
  });

  test('partial refusals: what is good is stored, what is not is counted and named', async () => {
    const stack = new Stack(shardCount);
    const ahead = LIMITS.timestampAheadMsMax;
    const ago = LIMITS.hotWindowMs;
    const outcome = await stack.send(
      request(
        [...encode([up(1, [0, 1], [ahead, 2], [ahead + 1, 3], [-ago, 4], [-ago - 1, 5])])],
        rawSeries(label('job', 'nameless'), sample(1, NOW_MS), sample(2, NOW_MS)),
        rawSeries(label('__name__', 'twice'), label('a', '1'), label('a', '2'), sample(1, NOW_MS)),
        rawSeries(bytesField(1, [...bytesField(1, [0xff]), ...bytesField(2, 'x')]), sample(1, NOW_MS)),
        rawSeries(label('__name__', 'fine'), sample(9, NOW_MS)),
        rawSeries(label('__name__', 'old'), sample(9, 5)),
        rawSeries(label('__name__', 'silent')),
      ),
    );
    expect(outcome.stored.samples).toBe(4);
    expect(outcome.rejections.samples).toBe(7);
    expect(outcome.rejections.kind).toBe('bad-data');
    const message = outcome.rejections.message(outcome.stored);
    for (const part of ['7 samples refused, 4 stored', 'up{i="1"}: out of bounds', 'timestampAheadMsMax', 'up{i="1"}: too old', 'hotWindowMs', '__name__ is missing', '"a" is not unique', 'invalid UTF-8', 'and 1 more']) {
      expect(message).toContain(part);
    }
    expect(stack.stored()).toEqual(['fine 0=9', `up{i="1"} ${-ago}=4 0=1 ${ahead}=2`]);
  });

  test('series over the limit of a shard are refused for good, with their samples counted', async () => {
    const stack = new Stack(shardCount, limitsWith({ activeSeriesMax: 2 }));
    const outcome = await stack.write(...many(100, 1));
    // Sent again they would be refused again.
    expect(outcome.rejections.kind).toBe('cardinality');
    expect(writeResponse(outcome).status).toBe(400);
    expect(outcome.stored.samples).toBe(4 * shardCount);
    expect(outcome.stored.samples + outcome.rejections.samples).toBe(200);
    expect(outcome.rejections.message(outcome.stored)).toContain('activeSeriesMax is 2');
    expect(stack.stored().length).toBe(2 * shardCount);
  });

  test('histograms of such series are refused as histograms', async () => {
    const stack = new Stack(shardCount, limitsWith({ activeSeriesMax: 1 }));
    await stack.write(...many(100, 1));
    const before = stack.stored();
    const timeseries = Array.from({ length: 9 }, (_, i) => ({
      labels: [{ name: '__name__', value: `other${i}` }],
      ...(i < 4 ? { samples: [{ value: 1, timestamp: NOW_MS }] } : { histograms: [{ countInt: 0, timestamp: NOW_MS }, { countInt: 0, timestamp: NOW_MS - 1 }] }),
    }));
    const outcome = await stack.send(encodeReferenceV1({ timeseries }));
    expect([outcome.stored, outcome.rejections.counts]).toEqual([NOTHING_COUNTED, { samples: 4, histograms: 10, exemplars: 0 }]);
    expect(outcome.rejections.message(outcome.stored)).toMatch(/^4 samples, 10 histograms refused, 0 samples stored: .*activeSeriesMax is 1/);
    expect(stack.stored()).toEqual(before);
  });
});

test('a body that cannot be decoded is bad data, and nothing of it is stored', async () => {
  const stack = new Stack(1);
  const good = encodeWriteRequest([{ labels: ['__name__', 'up'], timestampsMs: [NOW_MS], values: [1] }]);
  await expect(stack.send(Uint8Array.of(...good, 10, 50))).rejects.toMatchObject({ name: 'VarveError', kind: 'bad-data' });
  await expect(stack.send(Uint8Array.of(...good, 11))).rejects.toMatchObject({ kind: 'bad-data' });
  expect(stack.shards.callsOf('append')).toBe(0);
  expect(await stack.send(new Uint8Array(0))).toMatchObject({ stored: { samples: 0 } });
});

test('a shard that cannot be reached is unavailable, one with too much to do is overloaded and asked once', async () => {
  const stack = new Stack(1);
  stack.shards.faults.push('lose-request', 'lose-request');
  expect((await stack.write(...many(3, 1))).failure).toMatchObject({ kind: 'unavailable' });
  expect(stack.shards.callsOf('append')).toBe(2);
  stack.shards.faults.push('overloaded');
  expect((await stack.write(...many(3, 1))).failure).toMatchObject({ kind: 'overloaded' });
  expect(stack.shards.callsOf('append')).toBe(3);
  expect(await stack.write(...many(3, 1))).toMatchObject({ stored: { samples: 6 } });
});

test('a request of two shard maps that takes several turns of each', async () => {
  const limits = limitsWith({ batchSamplesMax: 16, writeTurnBytesTarget: 1000 });
  const [stack, still] = [new Stack(2, limits), new Stack(2, limits)];
  const catalog = stack.shards.catalog('default/catalog');
  await catalog.routing(2);
  const untilHourMs = NOW_MS % HOUR_MS;
  stack.shards.nowMs = NOW_MS - untilHourMs - HOUR_MS;
  const { shardMaps } = (await catalog.addShardMap({ version: 1, shardCount: 3, timestampAheadMs: 0 })) as { readonly shardMaps: readonly { readonly fromMs: number }[] };
  const fromMs = shardMaps[1]!.fromMs;
  expect(NOW_MS - fromMs).toBe(untilHourMs - 1);
  const after = fromMs - NOW_MS;
  const sent = Array.from({ length: 40 }, (_, i) => up(i, ...Array.from({ length: 21 }, (_, n): [number, number] => [after + (n - 13) * 1000, i * 100 + n])));
  const outcome = await stack.write(...sent);
  expect(outcome).toEqual(await still.write(...sent));
  expect(outcome.stored).toEqual({ ...NOTHING_COUNTED, samples: 40 * 21 });
  // Each turn of each map brings all of its shards' batches and ends.
  expect(stack.shards.callsOf('append')).toBeGreaterThan(50);
  const ofMap = (lists: readonly string[], keeps: (atMs: number) => boolean): string[] => lists.map((line) => line.split(' ').filter((text, i) => i < 2 - 1 || keeps(Number(text.split('=')[0]))).join(' '));
  const wanted = lines(...sent);
  const [before, behind] = [ofMap(wanted, (at) => at < after), ofMap(wanted, (at) => at >= after)];
  expect(stack.stored().sort()).toEqual([...before, ...behind].sort());
});
