/**
 * `npm run bench -- otlp`: data points of OTLP per CPU-second, in this process: decompressed body → walk → translation → ids → batches,
 * encoded as they would leave for their shards. The shards answer at once, so that nothing but the door is measured.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Admission } from '../../ingest/admission.ts';
import { OtlpIngest, type OtlpEncoding } from '../../ingest/from-otlp.ts';
import { MetadataSink } from '../../ingest/metadata-sink.ts';
import { SeriesHasher } from '../../storage/model/series-id.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { Counters } from '../../storage/runtime/metrics.ts';
import { OTLP_DEFAULTS } from '../../storage/runtime/otlp-options.ts';
import { readTenantLimits } from '../../storage/runtime/tenant-limits.ts';
import type { AppendAnswer, ShardApi } from '../../storage/shard/shard-api.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import { FixedClock } from '../fakes/fixed-clock.ts';
import { VARVE_VERSION } from '../processes/varve-command.ts';
import { OTLP_SHAPES } from './otlp-shapes.ts';

const NOW_MS = 1_700_000_000_000;

/** Shards that know every series and keep nothing. */
function forgetfulShards(): TenantShards {
  const append = async (message: ArrayBuffer): Promise<AppendAnswer> => {
    const samples = new Uint32Array(message, 8, 1)[0]!;
    return { status: 'stored', samplesStored: samples, histogramsStored: 0, exemplarsStored: 0, refusals: [] };
  };
  const stub = { append } as unknown as ShardApi;
  return {
    tenant: 'default',
    hasher: new SeriesHasher(new Uint8Array(16).fill(7)),
    secret: new Uint8Array(16),
    shardCount: 1,
    call: (_, body) => body(stub),
    catalog: (body) => body({ noteMetadata: async () => ({ replaced: 0 }) } as never),
  };
}

interface Result {
  readonly pointsPerCpuSecond: number;
  readonly samplesPerPoint: number;
  readonly bytesPerPoint: number;
}

/** Warms up, then counts CPU time of whole rounds over all requests until `cpuMs` have passed. */
async function measure(requests: readonly Uint8Array[], encoding: OtlpEncoding, cpuMs: number): Promise<Result> {
  const clock = new FixedClock(NOW_MS);
  const ingest = new OtlpIngest({
    clock,
    admission: new Admission(readTenantLimits(JSON.stringify({ '*': { samplesPerSecondMax: 1_000_000_000, samplesBurstMax: 10_000_000_000 } })), LIMITS, clock),
    limits: LIMITS,
    options: OTLP_DEFAULTS,
    metadata: new MetadataSink(LIMITS, clock, new Counters()),
  });
  const shards = forgetfulShards();
  let points = 0;
  let samples = 0;
  let pointsPerRound = 0;
  const round = async (): Promise<void> => {
    for (const request of requests) {
      const { pointCount, stored, rejections } = await ingest.write(shards, () => request, encoding);
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

/** `--tiny` shows that it works, `--json FILE` keeps the figures. One line a shape. */
export async function benchOtlp(args: readonly string[], say: (line: string) => void): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { tiny: { type: 'boolean', default: false }, json: { type: 'string' } } });
  const isTiny = values.tiny;
  const results: Record<string, Result> = {};
  for (const [name, shape] of Object.entries(OTLP_SHAPES)) {
    const { requests, encoding } = shape(NOW_MS, isTiny ? 1 : 20);
    const result = await measure(requests, encoding, isTiny ? 1 : 2000);
    results[name] = result;
    say(`${name.padEnd(32)} ${Math.round(result.pointsPerCpuSecond / 1000).toString().padStart(6)} k points per CPU-second, ${result.samplesPerPoint.toFixed(1)} samples and ${result.bytesPerPoint.toFixed(0)} bytes a point`);
  }
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify({ varve: VARVE_VERSION, results }, null, 2));
}
