import { mediaTypeOf } from '../../proto/media-type.ts';
import type { Clock } from '../../storage/runtime/clock.ts';
import type { LIMITS } from '../../storage/runtime/limits.ts';
import type { Counters } from '../../storage/runtime/metrics.ts';
import type { StartTimer } from '../../storage/runtime/timer.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import type { Admission } from '../admission.ts';
import { bodyPieces } from '../body-stream.ts';
import { countRefused, countStored } from '../door-counters.ts';
import type { MetadataSink } from '../metadata-sink.ts';
import { Rejections } from '../rejections.ts';
import type { WriteCounts } from '../write-counts.ts';
import { ExpositionImport } from './exposition-import.ts';
import { ImportBatches, type ImportRetention } from './import-batches.ts';
import { ImportSlots } from './import-slots.ts';
import { InfluxImport } from './influx-import.ts';
import { runImport } from './run-import.ts';
import type { ImportContext, LineFormat } from './text-import.ts';

export interface ImportOptions {
  /** For lines without a timestamp, Unix ms; by default when the request came. */
  readonly defaultTimestampMs?: number | undefined;
  /** Name and value in turn. */
  readonly extraLabels: readonly string[];
}

export interface InfluxOptions {
  /** The unit of timestamps; see isPrecision. */
  readonly precision: string;
  /** Database or bucket; may be empty. */
  readonly database: string;
}

/** What became of an import that came to its end. */
export interface ImportOutcome {
  readonly stored: WriteCounts;
  /** Samples that wait for the archive. */
  readonly lateSamples: number;
  /** Exemplars that were too old to be kept. */
  readonly exemplarsLeftOut: number;
  /** Fields of the Influx line protocol that were texts. */
  readonly textFields: number;
  readonly rejections: Rejections;
}

interface ImportServices {
  readonly clock: Clock;
  readonly startTimer: StartTimer;
  readonly admission: Admission;
  readonly limits: typeof LIMITS;
  readonly counters: Counters;
  readonly metadata: MetadataSink;
  readonly retentionOf: (tenant: string) => ImportRetention;
}

/** Takes streamed bodies of lines, in constant memory: decompress, cut into lines, parse, batch, send. */
export class ImportDoor {
  readonly #services: ImportServices;
  readonly #slots: ImportSlots;

  constructor(services: ImportServices) {
    this.#services = services;
    this.#slots = new ImportSlots(services.clock, services.limits);
  }

  /** Prometheus' text format, or OpenMetrics where the content type says so. */
  async exposition(shards: TenantShards, request: Request, options: ImportOptions): Promise<ImportOutcome> {
    const isOpenMetrics = mediaTypeOf(request.headers.get('content-type')) === 'application/openmetrics-text';
    return this.#run('import-prometheus', shards, request, options, (context) => new ExpositionImport(context, this.#services.metadata, isOpenMetrics));
  }

  /** The Influx line protocol, its timestamps in units of `precision`. */
  async influx(shards: TenantShards, request: Request, options: ImportOptions, { precision, database }: InfluxOptions): Promise<ImportOutcome> {
    let format: InfluxImport | undefined;
    const outcome = await this.#run('influx', shards, request, options, (context) => (format = new InfluxImport(context, precision, database)));
    const textFields = format?.textFields ?? 0;
    if (textFields > 0) this.#services.counters.add('varve_ingest_influx_text_fields_total', {}, textFields);
    return { ...outcome, textFields };
  }

  async #run(
    protocol: string,
    shards: TenantShards,
    request: Request,
    { defaultTimestampMs, extraLabels }: ImportOptions,
    formatOf: (context: ImportContext) => LineFormat,
  ): Promise<ImportOutcome> {
    const { clock, startTimer, admission, retentionOf } = this.#services;
    const limits = admission.limits(shards.tenant);
    const slot = await this.#slots.take();
    const rejections = new Rejections(limits.writeErrorsQuotedMax);
    const batches = new ImportBatches({ shards, clock, limits, rejections, retention: retentionOf(shards.tenant) });
    const context = { batches, rejections, limits, defaultTimestampMs: defaultTimestampMs ?? clock.nowMs(), extraLabels };
    try {
      const pieces = this.#touching(slot, bodyPieces(request, limits, startTimer));
      const flushed = (samples: number): Promise<void> => admission.slowDown(shards.tenant, samples, () => this.#slots.touch(slot));
      await runImport({ pieces, format: formatOf(context), context, shards, flushed });
    } finally {
      this.#slots.free(slot);
      this.#count(protocol, batches, rejections);
    }
    const { stored, lateSamples, exemplarsLeftOut } = batches;
    return { stored, lateSamples, exemplarsLeftOut, textFields: 0, rejections };
  }

  async *#touching(slot: Awaited<ReturnType<ImportSlots['take']>>, pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of pieces) {
      this.#slots.touch(slot);
      yield piece;
    }
  }

  /** Also of an import that broke off: what it stored is stored. */
  #count(protocol: string, batches: ImportBatches, rejections: Rejections): void {
    const { counters } = this.#services;
    countStored(counters, protocol, batches.stored);
    if (batches.lateSamples > 0) counters.add('varve_ingest_late_samples_total', { protocol }, batches.lateSamples);
    if (batches.exemplarsLeftOut > 0) counters.add('varve_ingest_exemplars_left_out_total', { protocol }, batches.exemplarsLeftOut);
    countRefused(counters, protocol, rejections);
  }
}
