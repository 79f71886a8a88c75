import { inspect, isDeepStrictEqual } from 'node:util';
import { test } from 'vitest';
import { encodeWriteRequest } from '../../proto/encode-write-request.ts';
import { readHistogram } from '../../proto/remote-write-histogram.ts';
import { decodeWriteRequest, readExemplar, readLabels, readMetadata, REMOTE_WRITE, WriteRequestColumns } from '../../proto/remote-write-v1.ts';
import { WireReader } from '../../proto/wire-reader.ts';
import type { FieldSpans } from '../../proto/write-columns.ts';
import { fuzzFormat, fuzzRounds } from './fuzz-bytes.ts';
import { protobufMutations } from './mutate-protobuf.ts';
import { bytesField, doubleField, label, request, sample, series, varintField } from './protobuf-fields.ts';
import { decodeReferenceV1, encodeReferenceV1 } from './reference-messages.ts';
import { plainHistogram, referenceHistogram, timeText } from './request-content.ts';
import { referenceDecode } from './reference-write-request.ts';

const ORIGINALS = [
  encodeWriteRequest([
    { labels: ['__name__', 'http_requests_total', 'job', 'api', 'code', '200'], timestampsMs: [1.7e12, 1.7e12 + 15_000], values: [1, 2.5] },
    { labels: ['__name__', 'up', 'job', 'é'], timestampsMs: [-1], values: [NaN] },
  ]),
  request(series(sample(1, 2), label('a', 'x'.repeat(130)), bytesField(3, doubleField(2, 1)), label('b', 'c'), bytesField(4, varintField(1, 3))), bytesField(3, varintField(1, 2)), varintField(9, 5), doubleField(10, 1)),
  encodeReferenceV1({
    timeseries: [
      {
        labels: [{ name: '__name__', value: 'h' }],
        histograms: [{ countInt: 6, sum: 4.5, schema: 3, zeroCountInt: 1, positiveSpans: [{ offset: -2, length: 3 }], positiveDeltas: [1, 2, -1], timestamp: 1.7e12, resetHint: 2 }, { countFloat: 1.5, negativeSpans: [{ length: 1 }], negativeCounts: [1.5] }],
        exemplars: [{ labels: [{ name: 'trace_id', value: 'x' }, {}], value: 1, timestamp: 1.7e12 }],
      },
    ],
    metadata: [{ type: 3, metricFamilyName: 'h', help: 'Help.', unit: 'seconds' }],
  }),
];

test('a damaged request is decoded as the reference has it, or refused', { timeout: 3_600_000 }, async () => {
  const columns = new WriteRequestColumns();
  const decodeAll = (bytes: Uint8Array): void => {
    const original = bytes.slice();
    decodeWriteRequest(bytes, columns);
    const labels = Array.from({ length: columns.seriesCount }, (_, i) => readLabels(bytes, columns.labelsStart[i]!, columns.labelsEnd[i]!));
    const wanted = referenceDecode(original);
    const samples = Array.from({ length: columns.sampleCount }, (_, i) => {
      const bits = (BigInt(columns.valueBits[i * 2 + 1]!) << 32n) | BigInt(columns.valueBits[i * 2]!);
      return `${columns.timestampsMs[i]!}:${bits}`;
    });
    const got = JSON.stringify([labels, samples]);
    const reference = JSON.stringify([
      wanted.map((series) => series.labels),
      wanted.flatMap((series) => series.samples.map(({ timestampMs, bits }) => `${timeText(timestampMs)}:${bits}`)),
    ]);
    if (got !== reference) throw new Error(`got ${got}, want ${reference}`);
    compareRest(bytes, columns, original);
  };
  await fuzzFormat('remote write 1.0', fuzzRounds(20_000), protobufMutations(ORIGINALS), decodeAll, () => ORIGINALS.forEach((bytes) => decodeAll(bytes.slice())));
});

/** Histograms, exemplars and metadata, beside what protobufjs makes of them. 1.0 knows no start timestamp. */
function compareRest(bytes: Uint8Array, columns: WriteRequestColumns, original: Uint8Array): void {
  const reader = new WireReader(bytes, REMOTE_WRITE);
  const all = <T>(spans: FieldSpans, read: (start: number, end: number) => T): T[] => Array.from({ length: spans.count }, (_, i) => read(spans.start[i]!, spans.end[i]!));
  const exemplars = all(columns.exemplars, (start, end) => readExemplar(bytes, start, end));
  const got = [
    all(columns.histograms, (start, end) => plainHistogram({ ...readHistogram(reader, start, end), startMs: 0 })),
    exemplars.map(({ labels, timestampMs }) => [labels, String(timestampMs)]),
    all(columns.metadata, (start, end) => readMetadata(bytes, start, end)),
  ];
  const { timeseries, metadata } = decodeReferenceV1(original);
  const wanted = [
    timeseries.flatMap(({ histograms }) => histograms!.map(referenceHistogram)),
    timeseries.flatMap(({ exemplars }) => exemplars!.map((exemplar) => [exemplar.labels!.flatMap(({ name = '', value = '' }) => [name, value]), timeText(exemplar.timestamp)])),
    metadata.map(({ type = 0, metricFamilyName = '', help = '', unit = '' }) => ({ type, metric: metricFamilyName, help, unit })),
  ];
  if (!isDeepStrictEqual(got, wanted)) throw new Error(`got ${inspect(got, { depth: 9 })}, want ${inspect(wanted, { depth: 9 })}`);
}
