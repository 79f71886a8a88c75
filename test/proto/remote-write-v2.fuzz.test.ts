import { inspect, isDeepStrictEqual } from 'node:util';
import { test } from 'vitest';
import { RequestColumns } from '../../proto/remote-write-v2.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';
import { FUZZ_SEED, fuzzFormat, fuzzRounds } from './fuzz-bytes.ts';
import { protobufMutations } from './mutate-protobuf.ts';
import { bytesField, doubleField, request, varintField } from './protobuf-fields.ts';
import { encodeReferenceV2 } from './reference-messages.ts';
import { contentOf, randomRequest, referenceContentOf } from './request-content.ts';

const random = new SeededRandom(FUZZ_SEED);
const ORIGINALS = [
  encodeReferenceV2({
    symbols: ['', '__name__', 'http_requests_total', 'job', 'api', 'All requests.', 'trace_id', 'abc'],
    timeseries: [
      { labelsRefs: [1, 2, 3, 4], samples: [{ value: 1, timestamp: 1.7e12, startTimestamp: 1.6e12 }], exemplars: [{ labelsRefs: [6, 7], value: 1, timestamp: 1.7e12 }], metadata: { type: 1, helpRef: 5, unitRef: 0 } },
      { labelsRefs: [1, 2], histograms: [{ countInt: 6, sum: 4.5, schema: 3, zeroCountInt: 1, positiveSpans: [{ offset: -2, length: 3 }], positiveDeltas: [1, 2, -1], timestamp: 1.7e12, resetHint: 2 }] },
    ],
  }),
  request(bytesField(5, [...varintField(1, 300), ...bytesField(2, doubleField(1, 1)), ...bytesField(1, [1, 2]), ...varintField(6, 5)]), varintField(9, 5), bytesField(4, '')),
  ...Array.from({ length: 20 }, () => encodeReferenceV2(randomRequest(random))),
];

test('a damaged 2.0 request is decoded as protobufjs has it, or refused', { timeout: 3_600_000 }, async () => {
  const columns = new RequestColumns();
  const decode = (bytes: Uint8Array): void => {
    const got = contentOf(bytes, columns);
    const wanted = referenceContentOf(bytes);
    if (!isDeepStrictEqual(got, wanted)) throw new Error(`got ${inspect(got, { depth: 9 })}, want ${inspect(wanted, { depth: 9 })}`);
  };
  await fuzzFormat('remote write 2.0', fuzzRounds(10_000), protobufMutations(ORIGINALS), decode, () => ORIGINALS.forEach(decode));
});
