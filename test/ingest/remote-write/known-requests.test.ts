import { expect, test } from 'vitest';
import { Admission } from '../../../ingest/admission.ts';
import { KnownRequests, type KnownRequest } from '../../../ingest/remote-write/known-requests.ts';
import { WriteMessagesV2 } from '../../../ingest/remote-write/write-messages-v2.ts';
import { SeriesIdColumns } from '../../../ingest/series-id-columns.ts';
import { WriteGate } from '../../../ingest/write-gate.ts';
import { DecodeError } from '../../../proto/decode-error.ts';
import { decodeRequest, RequestColumns, requestReader } from '../../../proto/remote-write-v2.ts';
import { SeriesHasher } from '../../../storage/model/series-id.ts';
import { CacheBudget } from '../../../storage/runtime/cache-budget.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { Counters } from '../../../storage/runtime/metrics.ts';
import { readTenantLimits } from '../../../storage/runtime/tenant-limits.ts';
import { FixedClock } from '../../fakes/fixed-clock.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { mutate } from '../../proto/fuzz-bytes.ts';
import { bytesField, doubleField, tag, varint, varintField } from '../../proto/protobuf-fields.ts';
import { v2Request, type V2Series } from '../../proto/v2-request.ts';

const NOW_MS = 1_700_000_000_000;
const hasher = new SeriesHasher(new Uint8Array(16).fill(7));
const other = new SeriesHasher(new Uint8Array(16).fill(8));
const numbers = Uint32Array.from({ length: 1000 }, (_, i) => i + 1);

function series(i: number, value: number, timestamp = NOW_MS): V2Series {
  return { labels: ['__name__', `metric_${i % 5}`, 'instance', `i${i}`], samples: [{ value, timestamp }], metadata: { type: 1 + (i % 2), help: `Help of ${i % 5}.` } };
}

function scrape(value: number, timestamp = NOW_MS, count = 40): Uint8Array {
  return v2Request(...Array.from({ length: count }, (_, i) => series(i, value + i, timestamp)));
}

function idsOf(columns: RequestColumns): SeriesIdColumns {
  const ids = new SeriesIdColumns();
  ids.reserve(columns.seriesCount);
  for (let i = 0; i < columns.seriesCount; i++) ids.set(i, Uint32Array.of(i + 1, i + 2, i + 3));
  return ids;
}

class Kept {
  readonly requests: KnownRequests;
  readonly columns = new RequestColumns();

  constructor(bytesMax = 1_000_000) {
    this.requests = new KnownRequests(bytesMax);
  }

  find(message: Uint8Array, of = hasher): KnownRequest | undefined {
    return this.requests.find(requestReader(message), of, this.columns);
  }

  /** As WriteMessagesV2 goes about it; whether the request was known. */
  take(message: Uint8Array, of = hasher): boolean {
    if (this.find(message, of) !== undefined) return true;
    const bytes = message.slice();
    decodeRequest(bytes, this.columns);
    this.requests.note(requestReader(bytes), of, this.columns, numbers, idsOf(this.columns));
    return false;
  }
}

test('a request is known when it comes for the third time, with other values and timestamps', () => {
  const kept = new Kept();
  expect([1, 2, 3, 4].map((n) => kept.take(scrape(n, NOW_MS + n * 15_000)))).toEqual([false, false, true, true]);
  const decoded = new RequestColumns();
  decodeRequest(scrape(4, NOW_MS + 60_000), decoded);
  const filled = (columns: RequestColumns): unknown[] => {
    const { seriesCount, sampleCount, sampleStart, timestampsMs, valueBits, startsMs, createdMs, hasStarts, histograms, exemplars } = columns;
    const bySeries = [timestampsMs, startsMs, createdMs].map((column) => column.slice(0, seriesCount));
    return [seriesCount, sampleCount, sampleStart.slice(0, seriesCount + 1), valueBits.slice(0, sampleCount * 2), bySeries, hasStarts, histograms.count, exemplars.count];
  };
  expect(filled(kept.columns)).toEqual(filled(decoded));
  const ids = new SeriesIdColumns();
  ids.isRefused.fill(1);
  kept.find(scrape(5))!.copyIds(ids);
  expect([ids.low[39], ids.high[39], ids.check[39], ids.isRefused[39]]).toEqual([40, 41, 42, 0]);
});

test('a value that is zero has no bytes: with another number of them it is another request', () => {
  const kept = new Kept();
  const some = (...values: number[]): Uint8Array => v2Request(...values.map((value, i) => series(i, value)));
  expect([some(0, 1, 2), some(0, 3, 4), some(0, 5, 6), some(1, 5, 6), some(0, 0, 6), some(0, 7, 8)].map((message) => kept.take(message))).toEqual([false, false, true, false, false, true]);
  expect([...kept.columns.valueBits.slice(0, 4)]).toEqual([0, 0, 0, new Uint32Array(Float64Array.of(7).buffer)[1]]);
});

test('another tenant’s is not known, nor one with any other byte changed', () => {
  const kept = new Kept();
  const message = scrape(1);
  for (let i = 0; i < 2; i++) kept.take(message);
  expect(kept.find(message, other)).toBeUndefined();
  // The bytes of values and timestamps are those that may change, but for those that say how long a timestamp is.
  let changeable = 0;
  for (let at = 0; at < message.length; at++) {
    const changed = message.slice();
    changed[at]! ^= 1;
    if (kept.find(changed) !== undefined) changeable++;
  }
  expect(changeable).toBe(40 * (8 + 6));
});

const PLAIN_CONTENT = [...doubleField(1, 1), ...varintField(2, NOW_MS)];
const PLAIN = bytesField(2, PLAIN_CONTENT);
const REFS = bytesField(1, [1, 2]);
const SYMBOLS = ['', '__name__', 'm'].flatMap((symbol) => bytesField(4, symbol));

test.each<[string, readonly number[]]>([
  ['two samples', [...REFS, ...PLAIN, ...PLAIN]],
  ['no sample', [...REFS]],
  ['a timestamp of another length', [...REFS, ...bytesField(2, [...doubleField(1, 1), ...varintField(2, 1)])]],
  ['a start timestamp', [...REFS, ...bytesField(2, [...doubleField(1, 1), ...varintField(2, NOW_MS), ...varintField(3, 5)])]],
  ['a start timestamp of the series', [...REFS, ...PLAIN, ...varintField(6, 5)]],
  ['an exemplar', [...REFS, ...PLAIN, ...bytesField(4, doubleField(2, 1))]],
  ['a histogram', [...REFS, ...PLAIN, ...bytesField(3, varintField(1, 1))]],
  ['references that lie apart', [...bytesField(1, [1]), ...PLAIN, ...bytesField(1, [2])]],
  ['a length of more bytes than it needs', [...REFS, ...tag(2, 2), ...varint(16, 2), ...PLAIN_CONTENT]],
  ['references one by one', [...varintField(1, 1), ...varintField(1, 2), ...PLAIN]],
])('with %s it is never known', (_, content) => {
  const kept = new Kept();
  const message = Uint8Array.from([...SYMBOLS, ...bytesField(5, content)]);
  for (let i = 0; i < 5; i++) expect(kept.take(message)).toBe(false);
});

test('of more than fit those that were first stay known, and what does not come any more makes room', () => {
  const kept = new Kept(12_000);
  const round = (from: number): boolean[] => Array.from({ length: 6 }, (_, i) => kept.take(scrape(0, NOW_MS, from + i)));
  const early = Array.from({ length: 20 }, () => round(40));
  const first = early[2]!;
  expect(first.filter((isKnown) => isKnown).length).toBeGreaterThan(1);
  expect(first).toContain(false);
  for (const later of early.slice(2)) expect(later).toEqual(first);
  const late = Array.from({ length: 20 }, () => round(60));
  expect(late.at(-1)!.filter((isKnown) => isKnown).length).toBeGreaterThan(1);
});

test('one that never fits does not make others come more often', () => {
  const kept = new Kept(10_000);
  const turns = [scrape(1), scrape(1, NOW_MS, 400), scrape(2, NOW_MS, 400), scrape(2), scrape(3, NOW_MS, 400), scrape(3)];
  expect(turns.map((message) => kept.take(message))).toEqual([false, false, false, false, false, true]);
});

test('whatever is sent, ids, samples and labels are those of one that knows no requests', () => {
  const random = new SeededRandom(20_261_126);
  const clock = new FixedClock(NOW_MS);
  const gate = new WriteGate(new Admission(readTenantLimits(undefined), LIMITS, clock), undefined);
  const [knowing, decoding] = [LIMITS, { ...LIMITS, knownRequestsBytesMax: 0 }].map((limits) => new WriteMessagesV2(limits, clock, gate, new CacheBudget(limits, clock, new Counters()))) as [WriteMessagesV2, WriteMessagesV2];
  const kept = new Kept();
  let knownCount = 0;
  const resultOf = (messages: WriteMessagesV2, message: Uint8Array, of: SeriesHasher): unknown => {
    const ids = new SeriesIdColumns();
    const refused: [number, string][] = [];
    try {
      messages.decode(message.slice(), of, LIMITS);
    } catch (error) {
      if (error instanceof DecodeError) return error.message;
      throw error;
    }
    const { seriesCount, sampleCount, sampleStart, timestampsMs, valueBits } = messages.columns;
    ids.reserve(seriesCount);
    messages.lookUpIds(of, ids, (index, reason) => refused.push([index, reason()]));
    const columns = [ids.low, ids.high, ids.check, ids.isRefused].map((column) => column.slice(0, seriesCount));
    const labels = Array.from({ length: seriesCount }, (_, i) => messages.labels(i));
    return [refused, ids.isRefused.includes(1) ? [] : columns, labels, sampleStart.slice(0, seriesCount + 1), timestampsMs.slice(0, sampleCount), valueBits.slice(0, sampleCount * 2), messages.metadata(of)];
  };
  for (let round = 0; round < 3000; round++) {
    const sent = scrape(random.below(1000), NOW_MS + random.below(3) * 1000, random.pick([3, 4, 5, 30]));
    const damaged = random.oneIn(3);
    const message = damaged ? mutate(sent, random) : sent;
    const of = random.pick([hasher, other]);
    if (!damaged && kept.take(message, of)) knownCount++;
    expect(resultOf(knowing, message, of)).toEqual(resultOf(decoding, message, of));
  }
  expect(knownCount).toBeGreaterThan(1500);
});
