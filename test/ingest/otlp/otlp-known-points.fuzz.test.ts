import { expect, test } from 'vitest';
import { OtlpBatches, type CollectedRequest } from '../../../ingest/otlp/otlp-batches.ts';
import { OtlpIdCache } from '../../../ingest/otlp/otlp-id-cache.ts';
import { OtlpLabels } from '../../../ingest/otlp/otlp-labels.ts';
import { OtlpSeries } from '../../../ingest/otlp/otlp-series.ts';
import { Rejections } from '../../../ingest/rejections.ts';
import { TimeBounds } from '../../../ingest/time-bounds.ts';
import { DecodeError } from '../../../proto/decode-error.ts';
import { SeriesHasher } from '../../../storage/model/series-id.ts';
import { OTLP_DEFAULTS, type OtlpOptions } from '../../../storage/runtime/otlp-options.ts';
import type { TenantShards } from '../../../storage/shard-router.ts';
import { limitsWith } from '../../fakes/limits-with.ts';
import type { SeededRandom } from '../../fakes/seeded-random.ts';
import { oneMap } from '../../fakes/one-map.ts';
import { mutate } from '../../proto/fuzz-bytes.ts';
import { fuzz, fuzzRounds } from '../../proto/fuzz-loop.ts';
import { randomMessage } from './otlp-messages.ts';
import { OtlpModel, SHARD_COUNT, textOf } from './otlp-model.ts';
import { NOW_MS } from './otlp-stack.ts';

const LIMITS = limitsWith({ labelsPerSeriesMax: 9, labelValueBytesMax: 50, otlpBucketsMax: 60, batchSamplesMax: 40 });
const WALK = { times: new TimeBounds(NOW_MS, LIMITS), limits: LIMITS };
const TENANTS = [1, 2].map((fill) => new SeriesHasher(new Uint8Array(16).fill(fill)));
const MESSAGES_AT_A_TIME = 40;

/** A door whose cache may take `bytesMax`, beside what the model says; `take` answers whether the message could be decoded. */
class Compared {
  readonly #labels: OtlpLabels;
  readonly #series: OtlpSeries;
  readonly #batches: OtlpBatches;

  constructor(bytesMax: number, options: OtlpOptions) {
    // The pair's replica is not stored.
    this.#labels = new OtlpLabels(options, LIMITS, (labels) => labels.filter((_, i) => labels[i & ~1] !== '__replica__'));
    this.#series = new OtlpSeries(options, LIMITS, this.#labels);
    this.#batches = new OtlpBatches(new OtlpIdCache(bytesMax, LIMITS.otlpIdCacheWindowMs), this.#labels, LIMITS, options);
  }

  take(message: Uint8Array, hasher: SeriesHasher, nowMs: number): boolean {
    const [wantedRejections, rejections] = [new Rejections(1000), new Rejections(1000)];
    const model = new OtlpModel(this.#labels, hasher, wantedRejections);
    const wantedError = errorOf(() => this.#series.walk(message.slice(), WALK, model));
    const shards = { hasher } as TenantShards;
    let collected: CollectedRequest | undefined;
    const error = errorOf(() => {
      collected = this.#batches.collect({ shards, map: oneMap(SHARD_COUNT)[0]!, message, nowMs, rejections }, (sink) => this.#series.walk(message, WALK, sink));
    });
    expect(error).toBe(wantedError);
    if (collected === undefined) return false;
    expect(textOf(collected, model.sourceCount)).toEqual(model.text());
    expect([rejections.samples, rejections.reasons()]).toEqual([wantedRejections.samples, wantedRejections.reasons()]);
    return true;
  }
}

function errorOf(body: () => void): string | undefined {
  try {
    body();
    return undefined;
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return error.message;
  }
}

test.each<[string, number, Partial<OtlpOptions>]>([
  ['room for all', 2 ** 22, {}],
  ['room for no histogram', 70_000, {}],
  ['room for some', 400_000, { promoteScopeMetadata: true }],
  ['no room', 0, {}],
  ['resources in labels', 2 ** 20, { promoteAllResourceAttributes: true, translation: 'NoTranslation' }],
])('whatever comes, and comes again, damaged or of another tenant, ids, samples and refusals are those of its labels, with %s', { timeout: 3_600_000 }, async (name, bytesMax, options) => {
  const compared = new Compared(bytesMax, { ...OTLP_DEFAULTS, ...options });
  let messages: Uint8Array[] = [];
  let round = 0;
  const next = (random: SeededRandom): Uint8Array => {
    // What comes again for a while makes way for others.
    if (round++ % 1000 === 0) messages = Array.from({ length: MESSAGES_AT_A_TIME }, () => randomMessage(random));
    const original = random.pick(messages);
    return random.oneIn(3) ? mutate(original, random) : original.slice();
  };
  const take = (message: Uint8Array, random: SeededRandom): boolean => compared.take(message, random.pick(TENANTS), NOW_MS + round * 1000);
  const check = (): void => messages.forEach((message) => expect(compared.take(message.slice(), TENANTS[0]!, NOW_MS + round * 1000)).toBe(true));
  // A million in all, of the long run.
  await fuzz({ name: `known OTLP, ${name}`, rounds: Math.ceil(fuzzRounds(30_000) / 5), next, take, check });
});
