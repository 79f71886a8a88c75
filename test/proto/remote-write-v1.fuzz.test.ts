import { expect, test } from 'vitest';
import { decodeWriteRequest, encodeWriteRequest, readLabels, WriteRequestColumns } from '../../proto/remote-write-v1.ts';
import { fuzzDecoder, fuzzRounds } from './fuzz-bytes.ts';
import { bytesField, doubleField, label, request, sample, series, varintField } from './protobuf-fields.ts';
import { referenceDecode } from './reference-write-request.ts';

const ORIGINALS = [
  encodeWriteRequest([
    { labels: ['__name__', 'http_requests_total', 'job', 'api', 'code', '200'], timestampsMs: [1.7e12, 1.7e12 + 15_000], values: [1, 2.5] },
    { labels: ['__name__', 'up', 'job', 'é'], timestampsMs: [-1], values: [NaN] },
  ]),
  request(series(sample(1, 2), label('a', 'x'.repeat(130)), bytesField(3, 'e'), label('b', 'c'), bytesField(4, 'h')), bytesField(3, 'meta'), varintField(9, 5), doubleField(10, 1)),
];

test('a damaged request is decoded as the reference has it, or refused', { timeout: 600_000 }, () => {
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
      wanted.flatMap((series) => series.samples.map(({ timestampMs, bits }) => `${timestampMs}:${bits}`)),
    ]);
    if (got !== reference) throw new Error(`got ${got}, want ${reference}`);
  };
  const rounds = fuzzRounds(50_000);
  const refused = fuzzDecoder(ORIGINALS, rounds, decodeAll, () => ORIGINALS.forEach((bytes) => decodeAll(bytes.slice())));
  expect(refused).toBeGreaterThan(rounds / 10);
  expect(refused).toBeLessThan(rounds);
});
