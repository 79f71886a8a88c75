import { Admission } from '../../ingest/admission.ts';
import { MetadataSink } from '../../ingest/metadata-sink.ts';
import { OtlpDoor } from '../../ingest/otlp/otlp-door.ts';
import { RemoteWriteDoor } from '../../ingest/remote-write/remote-write-door.ts';
import { WriteGate } from '../../ingest/write-gate.ts';
import { encodeWriteRequest } from '../../proto/encode-write-request.ts';
import { ProtobufWriter } from '../../proto/protobuf-writer.ts';
import { fieldTag, WIRE_FIXED64 } from '../../proto/wire-reader.ts';
import { SeriesHasher } from '../../storage/model/series-id.ts';
import { CacheBudget } from '../../storage/runtime/cache-budget.ts';
import { Counters } from '../../storage/runtime/metrics.ts';
import { OTLP_DEFAULTS } from '../../storage/runtime/otlp-options.ts';
import { readTenantLimits } from '../../storage/runtime/tenant-limits.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import { isRefMessage } from '../../storage/shard/append/ref-message.ts';
import type { AppendAnswer, AppendWishes, ShardApi } from '../../storage/shard/shard-api.ts';
import { FixedClock } from '../fakes/fixed-clock.ts';
import { limitsWith } from '../fakes/limits-with.ts';
import { oneMap } from '../fakes/one-map.ts';

export const DOORS = ['1.0', '2.0', 'otlp'] as const;
export type Door = (typeof DOORS)[number];

const NOW_MS = 1_700_000_000_000;
const ADMIT_ALL = readTenantLimits(JSON.stringify({ '*': { samplesPerSecondMax: 1e9, samplesBurstMax: 1e10 } }));

/** The write doors of one isolate, in front of shards that know every series, store nothing, and tell what they were sent. */
export class DoorStack {
  readonly clock = new FixedClock(NOW_MS);
  readonly counters = new Counters();
  readonly caches: CacheBudget;
  /** Of each message to a shard, as text; kept when `isListening`. */
  readonly sent: string[] = [];
  isListening = false;
  /** Whether shards tell how they call their series. */
  givesRefs = true;
  readonly #remoteWrite: RemoteWriteDoor;
  readonly #otlp: OtlpDoor;
  #refs = 0;

  constructor(changes: Parameters<typeof limitsWith>[0] = {}) {
    const limits = limitsWith(changes);
    const { clock } = this;
    this.caches = new CacheBudget(limits, clock, this.counters);
    const services = { clock, limits, metadata: new MetadataSink(limits, clock, this.counters), gate: new WriteGate(new Admission(ADMIT_ALL, limits, clock), undefined), caches: this.caches };
    this.#remoteWrite = new RemoteWriteDoor({ ...services, uncompress: (body) => body.slice() });
    this.#otlp = new OtlpDoor({ ...services, options: OTLP_DEFAULTS });
  }

  tenant(name: string, key: number): TenantShards {
    const stub = { append: (message: ArrayBuffer, wishes?: AppendWishes) => this.#append(message, wishes) } as unknown as ShardApi;
    const seed = new Uint8Array(16);
    new DataView(seed.buffer).setUint32(0, key);
    const catalog: TenantShards['catalog'] = (body) => body({ noteMetadata: async () => ({ replaced: 0 }) } as never);
    return { tenant: name, hasher: new SeriesHasher(seed), secret: new Uint8Array(16), maps: oneMap(1), renewed: () => Promise.reject(new Error('not asked')), call: (_, body) => body(stub), catalog };
  }

  /** Answers how many samples were stored. */
  async send(door: Door, shards: TenantShards, body: Uint8Array): Promise<number> {
    const { stored } = door === 'otlp' ? await this.#otlp.write(shards, () => body, 'protobuf') : await this.#remoteWrite.write(shards, body, door === '1.0' ? 1 : 2);
    return stored.samples;
  }

  /** A number of /metrics, summed up over the labels that are not given. */
  value(name: string, labels: Record<string, string> = {}): number {
    const isOf = (own: Readonly<Record<string, string>>): boolean => Object.entries(labels).every(([label, value]) => own[label] === value);
    return this.counters.samples().filter((sample) => sample.name === name && isOf(sample.labels)).reduce((sum, sample) => sum + sample.value, 0);
  }

  async #append(message: ArrayBuffer, wishes: AppendWishes | undefined): Promise<AppendAnswer> {
    if (this.isListening) this.sent.push(Buffer.from(message).toString('base64'));
    const samples = new Uint32Array(message, 0, 3)[isRefMessage(message) ? 1 : 2]!;
    const given = wishes?.refs !== true || !this.givesRefs ? {} : { given: { space: Uint32Array.of(1, 2, 3), refs: Uint32Array.from({ length: samples }, () => this.#refs++) } };
    return { status: 'stored', samplesStored: samples, histogramsStored: 0, exemplarsStored: 0, refusals: [], ...given };
  }
}

interface BodySeries {
  readonly labels: readonly string[];
  readonly value: number;
}

/* Bodies of hundreds of thousands of series, written in one piece: by lists of numbers, or by another implementation's objects, they would take longer than the doors do. */
const out = new ProtobufWriter();

function written(write: () => void): Uint8Array {
  out.clear();
  write();
  return out.written().slice();
}

function v2Of(series: readonly BodySeries[], timestampMs: number): Uint8Array {
  const refs = new Map([['', 0]]);
  for (const { labels } of series) for (const text of labels) if (!refs.has(text)) refs.set(text, refs.size);
  return written(() => {
    for (const symbol of refs.keys()) out.string(4, symbol);
    for (const { labels, value } of series) {
      out.message(5, () => {
        out.message(1, () => labels.forEach((text) => out.varint(refs.get(text)!)));
        out.message(2, () => {
          out.double(1, value);
          out.int64(2, timestampMs);
        });
      });
    }
  });
}

/** Gauges of one metric of a resource. */
function otlpOf(resource: Readonly<Record<string, string>>, metric: string, points: readonly { readonly attributes: Readonly<Record<string, string>>; readonly value: number }[], timestampMs: number): Uint8Array {
  const attributes = (field: number, of: Readonly<Record<string, string>>): void => {
    for (const [key, value] of Object.entries(of)) {
      out.message(field, () => {
        out.string(1, key);
        out.message(2, () => out.string(1, value));
      });
    }
  };
  const nanoseconds = BigInt(timestampMs) * 1_000_000n;
  return written(() => {
    out.message(1, () => {
      out.message(1, () => attributes(1, resource));
      out.message(2, () => {
        // An instrumentation scope without a name and a version.
        out.message(1, () => {
          out.string(1, '');
          out.string(2, '');
        });
        out.message(2, () => {
          out.string(1, metric);
          out.string(2, '');
          out.string(3, '');
          out.message(5, () => {
            for (const { attributes: own, value } of points) {
              out.message(1, () => {
                out.varint(fieldTag(3, WIRE_FIXED64));
                out.fixed64(nanoseconds);
                out.double(4, value);
                attributes(7, own);
              });
            }
          });
        });
        out.string(3, '');
      });
    });
  });
}

/** A request of `count` series from number `first` on, in the door's encoding. */
export function bodyOf(door: Door, first: number, count: number, timestampMs = NOW_MS): Uint8Array {
  const numbers = Array.from({ length: count }, (_, i) => first + i);
  const labelsOf = (i: number): string[] => ['__name__', `requests_${i % 50}_total`, 'instance', `10.0.${i >> 8}.${i & 255}:9100`, 'job', 'node', 'path', `/api/v1/items/${i}`];
  switch (door) {
    case '1.0':
      return encodeWriteRequest(numbers.map((i) => ({ labels: labelsOf(i), timestampsMs: [timestampMs], values: [i] })));
    case '2.0':
      return v2Of(numbers.map((i) => ({ labels: labelsOf(i), value: i })), timestampMs);
    case 'otlp': {
      const points = numbers.map((i) => ({ attributes: { path: `/api/v1/items/${i}`, method: 'GET' }, value: i }));
      return otlpOf({ 'service.name': 'shop', 'service.instance.id': `instance-${first}` }, 'items', points, timestampMs);
    }
  }
}
