import { readHistogram } from '../../proto/remote-write-histogram.ts';
import { decodeRequest, readExemplar, readRefs, RequestColumns, requestReader } from '../../proto/remote-write-v2.ts';
import type { SeededRandom } from '../fakes/seeded-random.ts';
import { decodeReferenceV2, type ReferenceHistogram, type ReferenceRequest } from './reference-messages.ts';

/** What the columns hold, in the shape of the reference: integers as decimal text, values as the bits of their floats. */
export function contentOf(message: Uint8Array, columns = new RequestColumns()): unknown {
  const bytes = message.slice();
  decodeRequest(bytes, columns);
  const reader = requestReader(bytes);
  const of = (spans: typeof columns.histograms, series: number): [number, number][] =>
    Array.from({ length: spans.count }, (_, i) => i)
      .filter((i) => spans.series[i] === series)
      .map((i) => [spans.start[i]!, spans.end[i]!]);
  return {
    symbols: Array.from({ length: columns.symbolCount }, (_, i) => reader.text(columns.symbolStart[i]!, columns.symbolEnd[i]!)),
    timeseries: Array.from({ length: columns.seriesCount }, (_, series) => {
      const refs = readRefs(reader, columns.refsStart[series]!, columns.refsEnd[series]!, Infinity);
      const samples = Array.from({ length: columns.sampleStart[series + 1]! - columns.sampleStart[series]! }, (_, i) => columns.sampleStart[series]! + i);
      return {
        labelsRefs: refs,
        samples: samples.map((at) => ({
          value: bitsOfWords(columns.valueBits[at * 2]!, columns.valueBits[at * 2 + 1]!),
          timestamp: String(columns.timestampsMs[at]),
          startTimestamp: String(columns.startsMs[at]),
        })),
        histograms: of(columns.histograms, series).map(([start, end]) => plainHistogram(readHistogram(reader, start, end))),
        exemplars: of(columns.exemplars, series).map(([start, end]) => {
          const { refs: labelsRefs, bitsLow, bitsHigh, timestampMs } = readExemplar(reader, start, end);
          return { labelsRefs, value: bitsOfWords(bitsLow, bitsHigh), timestamp: String(timestampMs) };
        }),
        metadata: { type: columns.metadataType[series], helpRef: columns.helpRef[series], unitRef: columns.unitRef[series] },
        createdTimestamp: String(columns.createdMs[series]),
      };
    }),
  };
}

export function plainHistogram(histogram: ReturnType<typeof readHistogram>): unknown {
  const { sumBits, sum: _, timestampMs, startMs, positiveDeltas, negativeDeltas, positiveCounts, negativeCounts, customValues, zeroThreshold, count, zeroCount, ...rest } = histogram;
  const floats = (values: readonly number[]): bigint[] => values.map(bitsOf);
  return {
    ...rest,
    count: bitsOf(count),
    zeroCount: bitsOf(zeroCount),
    zeroThreshold: bitsOf(zeroThreshold),
    sum: bitsOfWords(...sumBits),
    timestamp: String(timestampMs),
    startTimestamp: String(startMs),
    positiveDeltas: floats(positiveDeltas),
    negativeDeltas: floats(negativeDeltas),
    positiveCounts: floats(positiveCounts),
    negativeCounts: floats(negativeCounts),
    customValues: floats(customValues),
  };
}

/** The same shape out of what protobufjs decodes. */
export function referenceContentOf(message: Uint8Array): unknown {
  const decoded = decodeReferenceV2(message);
  return {
    symbols: decoded.symbols,
    timeseries: decoded.timeseries.map((series) => ({
      labelsRefs: series.labelsRefs,
      samples: series.samples!.map(({ value = 0, timestamp = 0, startTimestamp = 0 }) => ({ value: bitsOf(value), timestamp: timeText(timestamp), startTimestamp: timeText(startTimestamp) })),
      histograms: series.histograms!.map(referenceHistogram),
      exemplars: series.exemplars!.map(({ labelsRefs, value = 0, timestamp = 0 }) => ({ labelsRefs, value: bitsOf(value), timestamp: timeText(timestamp) })),
      metadata: { type: (series.metadata?.type ?? 0) >>> 0, helpRef: series.metadata?.helpRef ?? 0, unitRef: series.metadata?.unitRef ?? 0 },
      createdTimestamp: timeText(series.createdTimestamp),
    })),
  };
}

/** A time as our decoders have it: at most what a number holds exactly. */
export function timeText(time: number | string | bigint = 0): string {
  const exact = BigInt(time);
  const max = BigInt(Number.MAX_SAFE_INTEGER);
  return String(exact > max ? max : exact < -max ? -max : exact);
}

export function referenceHistogram(h: ReferenceHistogram): unknown {
  const numbers = (values: readonly (number | string)[] = []): bigint[] => values.map((value) => bitsOf(Number(value)));
  return {
    isFloat: h.countFloat !== undefined,
    schema: h.schema ?? 0,
    resetHint: h.resetHint ?? 0,
    negativeSpans: (h.negativeSpans ?? []).map(({ offset = 0, length = 0 }) => ({ offset, length })),
    positiveSpans: (h.positiveSpans ?? []).map(({ offset = 0, length = 0 }) => ({ offset, length })),
    count: bitsOf(Number(h.countFloat ?? h.countInt ?? 0)),
    zeroCount: bitsOf(Number(h.zeroCountFloat ?? h.zeroCountInt ?? 0)),
    zeroThreshold: bitsOf(h.zeroThreshold ?? 0),
    sum: bitsOf(h.sum ?? 0),
    timestamp: timeText(h.timestamp),
    startTimestamp: timeText(h.startTimestamp),
    positiveDeltas: numbers(h.positiveDeltas),
    negativeDeltas: numbers(h.negativeDeltas),
    positiveCounts: numbers(h.positiveCounts),
    negativeCounts: numbers(h.negativeCounts),
    customValues: numbers(h.customValues),
  };
}

function bitsOf(value: number): bigint {
  const words = new Uint32Array(Float64Array.of(value).buffer);
  return bitsOfWords(words[0]!, words[1]!);
}

/** The payload of a NaN is left out: what reads floats as numbers may change it. */
function bitsOfWords(low: number, high: number): bigint {
  const isNan = (high & 0x7ff00000) === 0x7ff00000 && ((high & 0xfffff) !== 0 || low !== 0);
  return isNan ? 0x7ff8000000000000n : (BigInt(high) << 32n) | BigInt(low);
}

function randomHistogram(random: SeededRandom): ReferenceHistogram {
  const list = <T>(make: () => T): T[] => Array.from({ length: random.below(4) }, make);
  const span = (): { offset: number; length: number } => ({ offset: random.pick([0, -1, 5, -2147483648, 2147483647]), length: random.pick([0, 1, 300, 4294967295]) });
  const long = (): string => random.pick(['0', '1', '-1', '9007199254740991', '-9007199254740991', '4294967296', '-2147483649']);
  const double = (): number => random.pick([0, 1.5, -2.5, Infinity, 5e-324]);
  const counts = random.oneIn(2) ? { countInt: random.pick(['0', '7', '9007199254740991']), zeroCountInt: 3 } : { countFloat: double(), zeroCountFloat: double() };
  return {
    ...counts,
    sum: double(),
    schema: random.pick([0, -53, 8, -4]),
    zeroThreshold: double(),
    negativeSpans: list(span),
    negativeDeltas: list(long),
    negativeCounts: list(double),
    positiveSpans: list(span),
    positiveDeltas: list(long),
    positiveCounts: list(double),
    resetHint: random.below(4),
    timestamp: random.pick([0, 1.7e12, -5]),
    customValues: list(double),
    startTimestamp: random.pick([0, 1.6e12]),
  };
}

type ReferenceSeries = NonNullable<ReferenceRequest['timeseries']>[number];

export function randomRequest(random: SeededRandom): ReferenceRequest {
  const ref = (): number => random.pick([0, 1, 127, 128, 16_383, 16_384, 4_294_967_295]);
  const list = <T>(max: number, make: () => T): T[] => Array.from({ length: random.below(max) }, make);
  const time = (): number => random.pick([0, 1, -1, 1.7e12, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]);
  const value = (): number => random.pick([0, -0, 1, -1.5, Infinity, 5e-324, Number.MAX_VALUE]);
  const metadata = (): ReferenceSeries => (random.oneIn(3) ? {} : { metadata: { type: random.below(8), helpRef: ref(), unitRef: ref() } });
  return {
    symbols: ['', ...list(6, () => random.pick(['', 'a', 'é', '😀', '\0', 'x'.repeat(127), 'y'.repeat(300)]))],
    timeseries: [
      ...list(6, () => ({
        labelsRefs: list(9, ref),
        samples: list(4, () => ({ value: value(), timestamp: time(), startTimestamp: time() })),
        histograms: list(3, () => randomHistogram(random)),
        exemplars: list(3, () => ({ labelsRefs: list(5, ref), value: value(), timestamp: time() })),
        ...metadata(),
        createdTimestamp: random.pick([0, 1.6e12]),
      })),
      // As Prometheus sends floats.
      ...list(9, () => ({ labelsRefs: list(9, ref), samples: [{ ...(random.oneIn(4) ? {} : { value: value() }), timestamp: random.pick([1.7e12, 1.7e12, 1.7e12 + 1, time()]) }], ...metadata() })),
    ],
  };
}
