import { inspect, isDeepStrictEqual } from 'node:util';
import protobuf from 'protobufjs';
import { test } from 'vitest';
import { decodeReadRequest } from '../../proto/remote-read.ts';
import { fuzzFormat, fuzzRounds } from './fuzz-bytes.ts';
import { protobufMutations } from './mutate-protobuf.ts';
import { bytesField, varintField } from './protobuf-fields.ts';

/** As protobufjs decodes it: an implementation that shares nothing with ours. Hints are passed over. */
const READ_REQUEST = protobuf
  .parse(
    `syntax = "proto3"; package prometheus;
    message ReadRequest { repeated Query queries = 1; repeated uint32 accepted_response_types = 2; }
    message Query { int64 start_timestamp_ms = 1; int64 end_timestamp_ms = 2; repeated LabelMatcher matchers = 3; bytes hints = 4; }
    message LabelMatcher { uint32 type = 1; string name = 2; string value = 3; }`,
  )
  .root.lookupType('prometheus.ReadRequest');
const TYPES = ['=', '!=', '=~', '!~'];

interface Reference {
  readonly queries: readonly { readonly startTimestampMs: string; readonly endTimestampMs: string; readonly matchers: readonly { readonly type: number; readonly name: string; readonly value: string }[] }[];
  readonly acceptedResponseTypes: readonly number[];
}

const encoded = (request: object): Uint8Array => Uint8Array.from(READ_REQUEST.encode(READ_REQUEST.fromObject(request)).finish());
const ORIGINALS = [
  encoded({ queries: [{ startTimestampMs: 1.7e12, endTimestampMs: 1.7e12 + 3_600_000, matchers: [{ type: 0, name: '__name__', value: 'up' }, { type: 2, name: 'é', value: 'a|b' }], hints: Uint8Array.from([...varintField(1, 15_000), ...bytesField(2, 'rate'), ...bytesField(5, 'a')]) }], acceptedResponseTypes: [1, 0] }),
  encoded({ queries: [{ startTimestampMs: -1, matchers: [{ type: 3, value: 'x'.repeat(200) }] }, { endTimestampMs: 5, matchers: [{ type: 1, name: 'j', value: '😀' }] }] }),
];

test('a damaged read request is decoded as protobufjs has it, or refused', { timeout: 3_600_000 }, async () => {
  const decode = (bytes: Uint8Array): void => {
    const { queries, responseType } = decodeReadRequest(bytes);
    const wanted = READ_REQUEST.toObject(READ_REQUEST.decode(bytes), { longs: String, defaults: true, arrays: true }) as Reference;
    const wantedQueries = wanted.queries.map(({ startTimestampMs, endTimestampMs, matchers }) => ({
      startMs: Number(startTimestampMs),
      endMs: Number(endTimestampMs),
      matchers: matchers.map(({ type, name, value }) => ({ name, type: TYPES[type], value })),
    }));
    const wantedType = wanted.acceptedResponseTypes.find((type) => type === 0 || type === 1) ?? 0;
    const [got, want] = [{ queries, responseType }, { queries: wantedQueries, responseType: wantedType === 0 ? 'samples' : 'streamed-xor-chunks' }];
    if (!isDeepStrictEqual(got, want)) throw new Error(`got ${inspect(got, { depth: 9 })}, want ${inspect(want, { depth: 9 })}`);
  };
  await fuzzFormat('remote read', fuzzRounds(20_000), protobufMutations(ORIGINALS), decode, () => ORIGINALS.forEach(decode));
});
