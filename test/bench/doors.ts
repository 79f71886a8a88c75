/**
 * `npm run bench -- doors`: data points of OTLP and samples of remote write per CPU-second, in this process: body → walk → translation → ids
 * → batches, encoded as they would leave for their shards. The shards answer at once, so that nothing but the door is measured. Bodies of
 * OTLP are decompressed before, those of remote write are not.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Admission } from '../../ingest/admission.ts';
import { OtlpDoor, type OtlpEncoding } from '../../ingest/otlp/otlp-door.ts';
import { MetadataSink } from '../../ingest/metadata-sink.ts';
import type { Rejections } from '../../ingest/rejections.ts';
import { RemoteWriteDoor } from '../../ingest/remote-write/remote-write-door.ts';
import type { WriteCounts } from '../../ingest/write-counts.ts';
import { WriteGate } from '../../ingest/write-gate.ts';
import { snappyWasmDecoder } from '../../proto/snappy.ts';
import { unpackSnappy } from '../../query/cli/unpack-snappy.mjs';
import { CacheBudget } from '../../storage/runtime/cache-budget.ts';
import { SeriesHasher } from '../../storage/model/series-id.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { Counters } from '../../storage/runtime/metrics.ts';
import { OTLP_DEFAULTS } from '../../storage/runtime/otlp-options.ts';
import { readTenantLimits } from '../../storage/runtime/tenant-limits.ts';
import type { AppendAnswer, ShardApi } from '../../storage/shard/shard-api.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import { FixedClock } from '../fakes/fixed-clock.ts';
import { oneMap } from '../fakes/one-map.ts';
import { VARVE_VERSION } from '../processes/varve-command.ts';
import { OTLP_SHAPES } from './otlp-shapes.ts';
import { RemoteWriteBody, type WriteProtocol } from './remote-write-body.ts';
import { podShape } from './shapes.ts';
import { ValueGenerator } from './values.ts';

const NOW_MS = 1_700_000_000_000;
const SERIES_PER_POD = 100;
/** The types are those of Workers, where nothing is compiled at run time. */
const CompiledModule = WebAssembly.Module as unknown as new (bytes: Uint8Array) => WebAssembly.Module;

/** Shards that know every series and keep nothing. */
function forgetfulShards(shardCount: number): TenantShards {
  const append = async (message: ArrayBuffer): Promise<AppendAnswer> => {
    const samples = new Uint32Array(message, 8, 1)[0]!;
    return { status: 'stored', samplesStored: samples, histogramsStored: 0, exemplarsStored: 0, refusals: [] };
  };
  const stub = { append } as unknown as ShardApi;
  return {
    tenant: 'default',
    hasher: new SeriesHasher(new Uint8Array(16).fill(7)),
    secret: new Uint8Array(16),
    maps: oneMap(shardCount),
    renewed: () => Promise.reject(new Error('not asked')),
    call: (_, body) => body(stub),
    catalog: (body) => body({ noteMetadata: async () => ({ replaced: 0 }) } as never),
  };
}

interface Result {
  readonly pointsPerCpuSecond: number;
  readonly samplesPerPoint: number;
  readonly bytesPerPoint: number;
}

/** Sends a request through its door. */
type Send = (shards: TenantShards, request: Uint8Array) => Promise<{ readonly pointCount: number; readonly stored: WriteCounts; readonly rejections: Rejections }>;

const clock = new FixedClock(NOW_MS);
const admission = new Admission(readTenantLimits(JSON.stringify({ '*': { samplesPerSecondMax: 1_000_000_000, samplesBurstMax: 10_000_000_000 } })), LIMITS, clock);
const metadata = new MetadataSink(LIMITS, clock, new Counters());

/** Each door is the only one of its isolate. */
function newCaches(): CacheBudget {
  return new CacheBudget(LIMITS, clock, new Counters());
}

function otlpDoor(encoding: OtlpEncoding): Send {
  const ingest = new OtlpDoor({ clock, gate: new WriteGate(admission, undefined), limits: LIMITS, options: OTLP_DEFAULTS, metadata, caches: newCaches() });
  return (shards, request) => ingest.write(shards, () => request, encoding);
}

/** 2.0 with `limits` that leave no room for whole requests meets each as if it never came before. */
function remoteWriteDoor(protocol: WriteProtocol, limits: typeof LIMITS = LIMITS): Send {
  unpackSnappy();
  const wasm = new CompiledModule(readFileSync(fileURLToPath(new URL('../../.build/snappy.wasm', import.meta.url).href)));
  const gate = new WriteGate(admission, undefined);
  const ingest = new RemoteWriteDoor({ uncompress: snappyWasmDecoder(wasm, limits.writeUncompressedBytesMax), clock, limits, metadata, gate, caches: newCaches() });
  return async (shards, request) => {
    const outcome = await ingest.write(shards, request, protocol === '1.0' ? 1 : 2);
    return { ...outcome, pointCount: outcome.stored.samples };
  };
}

/** The requests of one scrape of `bench -- ingest`. */
function remoteWriteRequests(protocol: WriteProtocol, podCount: number): Uint8Array[] {
  const { series, samplesPerRequest } = podShape({ seed: 1, podCount, scrapeCount: 1, nowMs: NOW_MS });
  const requests: Uint8Array[] = [];
  for (let start = 0; start < series.length; start += samplesPerRequest) {
    const part = series.slice(start, start + samplesPerRequest);
    const body = new RemoteWriteBody(part, protocol);
    body.patch(NOW_MS, new ValueGenerator(part, start).values);
    requests.push(body.bytes);
  }
  return requests;
}

/** Warms up, then counts CPU time of whole rounds over all requests until `cpuMs` have passed. */
async function measure(requests: readonly Uint8Array[], send: Send, shards: TenantShards, cpuMs: number): Promise<Result> {
  let points = 0;
  let samples = 0;
  let pointsPerRound = 0;
  const round = async (): Promise<void> => {
    for (const request of requests) {
      const { pointCount, stored, rejections } = await send(shards, request);
      if (!rejections.isEmpty) throw new Error(rejections.reasons());
      points += pointCount;
      samples += stored.samples;
    }
  };
  await round();
  pointsPerRound = points;
  for (let i = 0; i < 5; i++) await round();
  points = samples = 0;
  const before = process.cpuUsage();
  let usedMs = 0;
  while (usedMs < cpuMs) {
    await round();
    const { user, system } = process.cpuUsage(before);
    usedMs = (user + system) / 1000;
  }
  const bytes = requests.reduce((sum, request) => sum + request.length, 0);
  return { pointsPerCpuSecond: (points / usedMs) * 1000, samplesPerPoint: samples / points, bytesPerPoint: bytes / pointsPerRound };
}

/**
 * `--tiny` shows that it works, `--json FILE` keeps the figures, `--only TEXT` measures the shapes with that in their names, as a profile wants it,
 * `--series N` has so many behind remote write and so many data points behind OTLP, a multiple of 100, and `--shards N` shares them out. One line a shape.
 */
export async function benchDoors(args: readonly string[], say: (line: string) => void): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { tiny: { type: 'boolean', default: false }, json: { type: 'string' }, only: { type: 'string', default: '' }, series: { type: 'string' }, shards: { type: 'string', default: '1' } } });
  const isTiny = values.tiny;
  const seriesCount = values.series === undefined ? undefined : Number(values.series);
  const podCount = (seriesCount ?? (isTiny ? 2_000 : 40_000)) / SERIES_PER_POD;
  const otlpPointCount = seriesCount ?? (isTiny ? 800 : 16_000);
  if (!Number.isInteger(podCount) || podCount < 1) throw new Error('--series: a multiple of 100');
  const shards = forgetfulShards(Number(values.shards));
  const results: Record<string, Result> = {};
  const run = async (name: string, load: () => readonly Uint8Array[], send: Send): Promise<Result | undefined> => {
    if (!name.includes(values.only)) return undefined;
    const result = await measure(load(), send, shards, isTiny ? 1 : 2000);
    results[name] = result;
    say(`${name.padEnd(36)} ${Math.round(result.pointsPerCpuSecond / 1000).toString().padStart(6)} k points per CPU-second, ${result.samplesPerPoint.toFixed(1)} samples and ${result.bytesPerPoint.toFixed(0)} bytes a point`);
    return result;
  };
  const [rw1, rw2] = [
    await run('remote write 1.0', () => remoteWriteRequests('1.0', podCount), remoteWriteDoor('1.0')),
    await run('remote write 2.0', () => remoteWriteRequests('2.0', podCount), remoteWriteDoor('2.0')),
  ];
  const rw2Anew = await run('remote write 2.0, each request cut anew', () => remoteWriteRequests('2.0', podCount), remoteWriteDoor('2.0', { ...LIMITS, knownRequestsBytesMax: 0 }));
  if (rw1 !== undefined && rw2 !== undefined && rw2Anew !== undefined) {
    const [whole, anew] = [rw2, rw2Anew].map(({ pointsPerCpuSecond }) => (rw1.pointsPerCpuSecond / pointsPerCpuSecond).toFixed(2));
    say(`CPU of remote write 2.0, times that of 1.0: ${whole} where the same requests come again, ${anew} where none does`);
  }
  for (const [name, shape] of Object.entries(OTLP_SHAPES)) {
    if (!name.includes(values.only)) continue;
    const { requests, encoding } = shape(NOW_MS, otlpPointCount);
    await run(name, () => requests, otlpDoor(encoding));
  }
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify({ varve: VARVE_VERSION, results }, null, 2));
}
