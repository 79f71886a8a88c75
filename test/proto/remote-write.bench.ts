import { Admission } from '../../ingest/admission.ts';
import { firstPass } from '../../ingest/map-passes.ts';
import { Rejections } from '../../ingest/rejections.ts';
import { ShareOut } from '../../ingest/remote-write/share-out.ts';
import { WriteMessagesV1 } from '../../ingest/remote-write/write-messages-v1.ts';
import { WriteMessagesV2 } from '../../ingest/remote-write/write-messages-v2.ts';
import type { WriteMessages } from '../../ingest/remote-write/write-messages.ts';
import { TimeBounds } from '../../ingest/time-bounds.ts';
import { WriteGate } from '../../ingest/write-gate.ts';
import { snappyJsDecoder } from '../../proto/snappy.ts';
import { CacheBudget } from '../../storage/runtime/cache-budget.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { Counters } from '../../storage/runtime/metrics.ts';
import { readTenantLimits } from '../../storage/runtime/tenant-limits.ts';
import { ShardRouter } from '../../storage/shard-router.ts';
import { RemoteWriteBody, type WriteProtocol } from '../bench/remote-write-body.ts';
import { podShape, type SeriesShape } from '../bench/shapes.ts';
import { FixedClock } from '../fakes/fixed-clock.ts';
import { MemoryShards } from '../fakes/memory-shards.ts';

/**
 * What both versions of remote write cost in the Worker, without HTTP, Snappy and storage: decoding alone, and all up to the batches.
 * 40,000 series of 9 labels, 2,000 a request, all known. "Shifted" requests begin at other series each time, as those of a Prometheus do
 * whose scrapes are no multiple of 2,000. Run with `node test/proto/remote-write.bench.ts`.
 */
const NOW_MS = Date.UTC(2026, 0, 15, 12);
const ROUNDS = 60;
const PER_REQUEST = 2000;

const { series } = podShape({ seed: 1, podCount: 400, scrapeCount: 1, nowMs: NOW_MS });
const uncompress = snappyJsDecoder(LIMITS.writeUncompressedBytesMax);
const shards = await new ShardRouter(new MemoryShards(), 1, new FixedClock(0)).tenant('bench');

/** The plain messages of a scrape whose first request begins at `offset`. */
function scrape(protocol: WriteProtocol, offset: number): Uint8Array[] {
  const turned = [...series.slice(offset), ...series.slice(0, offset)];
  const messages: Uint8Array[] = [];
  for (let start = 0; start < turned.length; start += PER_REQUEST) messages.push(plainOf(turned.slice(start, start + PER_REQUEST), protocol));
  return messages;
}

function plainOf(group: readonly SeriesShape[], protocol: WriteProtocol): Uint8Array {
  const body = new RemoteWriteBody(group, protocol);
  body.patch(NOW_MS, Float64Array.from(group, (_, i) => i));
  return uncompress(body.bytes).slice();
}

function nanosecondsPerSample(requests: readonly Uint8Array[], take: (message: Uint8Array) => void): number {
  for (let round = 0; round < 3; round++) for (const request of requests) take(request);
  // CPU time and not the clock's: the machine may be busy with other things.
  const before = process.cpuUsage();
  for (let round = 0; round < ROUNDS; round++) for (const request of requests) take(request);
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1e3) / (ROUNDS * requests.length * PER_REQUEST);
}

const clock = new FixedClock(NOW_MS);
const caches = new CacheBudget(LIMITS, clock, new Counters());
const gate = new WriteGate(new Admission(readTenantLimits(undefined), LIMITS, clock), undefined);
for (const [what, offsets] of [['the same requests', [0]], ['shifted requests', [0, 700, 1300]]] as const) {
  const figures = (['1.0', '2.0'] as const).map((protocol) => {
    // Shifted requests are those of a sender who cuts them elsewhere each time, so that none is known as a whole.
    const limits = offsets.length > 1 ? { ...LIMITS, knownRequestsBytesMax: 0 } : LIMITS;
    const messages: WriteMessages = protocol === '1.0' ? new WriteMessagesV1(limits, gate, caches) : new WriteMessagesV2(limits, clock, gate, caches);
    const requests = offsets.flatMap((offset) => scrape(protocol, offset));
    const sharing = new ShareOut(LIMITS, caches);
    const bytes = requests.reduce((sum, request) => sum + request.length, 0) / (requests.length * PER_REQUEST);
    const decodeNs = nanosecondsPerSample(requests, (request) => messages.decode(request, shards.hasher, LIMITS));
    const allNs = nanosecondsPerSample(requests, (request) => {
      messages.decode(request, shards.hasher, LIMITS);
      sharing.share({ messages, shards, limits: LIMITS, rejections: new Rejections(1) }, { pass: firstPass(shards, new TimeBounds(NOW_MS, LIMITS)), series: 0 });
    });
    console.log(`${what}, ${protocol}: ${bytes.toFixed(0)} plain bytes a sample; ns a sample: decode ${decodeNs.toFixed(1)}, decode, look up and share out ${allNs.toFixed(1)}`);
    return allNs;
  });
  console.log(`${what}: 2.0 takes ${(figures[1]! / figures[0]!).toFixed(2)} of 1.0`);
}
