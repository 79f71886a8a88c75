import { FoundEntries, type ArchiveWatch } from '../../storage/archive/archive-watch.ts';
import { failingOnMissing } from '../../storage/archive/missing-object.ts';

/** Who is told what a select reads of the tiers that are files. */
export interface TiersWatch {
  readonly cold: ArchiveWatch;
  readonly warm: ArchiveWatch;
  /** Roll-ups of a resolution (`5m`) are read in place of samples. */
  rolledUp(resolution: string, isExact: boolean): void;
}

/** The same, but an object that is missing fails, whatever the caller takes. */
export function tiersFailingOnMissing(watch: TiersWatch): TiersWatch {
  return { cold: failingOnMissing(watch.cold), warm: failingOnMissing(watch.warm), rolledUp: (resolution, isExact) => watch.rolledUp(resolution, isExact) };
}

/** Which parts of the data a request has read, and which it could not read: what `stats` and warnings are made of. */
export class ReadReport implements TiersWatch {
  /** Whether the caller takes an answer in which parts are missing. */
  readonly allowsPartial: boolean;
  /** What is told of raw samples in the archive. */
  readonly cold: TierReport;
  /** What is told of roll-ups. */
  readonly warm: TierReport;
  /** Resolution → whether the answer is the same as from samples. */
  readonly #rolledUp = new Map<string, boolean>();
  readonly #shards = new Set<number>();
  readonly #missing = new Map<number, string>();
  #calls = 0;
  #bytes = 0;
  #samples = 0;
  #waitedMs = 0;

  constructor(allowsPartial: boolean) {
    this.allowsPartial = allowsPartial;
    const entries = new FoundEntries();
    this.cold = new TierReport(allowsPartial, entries);
    this.warm = new TierReport(allowsPartial, entries);
  }

  /** One call of a shard was answered. */
  answered(shard: number, bytes: number, waitedMs: number): void {
    this.#shards.add(shard);
    this.#calls++;
    this.#bytes += bytes;
    this.#waitedMs += waitedMs;
  }

  /** Samples came from a shard. */
  read(sampleCount: number): void {
    this.#samples += sampleCount;
  }

  /** A shard could not be read, and the answer goes on without what it holds. */
  missed(shard: number, reason: string): void {
    this.#missing.set(shard, reason);
  }

  /** Roll-ups of a resolution (`5m`) are read in place of samples. */
  rolledUp(resolution: string, isExact: boolean): void {
    this.#rolledUp.set(resolution, isExact && this.#rolledUp.get(resolution) !== false);
  }

  /** One line for each resolution of roll-ups that the answer is made from. */
  get infos(): string[] {
    return [...this.#rolledUp].map(([resolution, isExact]) =>
      isExact ? `the answer is made from roll-ups of ${resolution}, and is the same as from samples` : `the answer is made from roll-ups of ${resolution}, as max_source_resolution allows, and is near that from samples`,
    );
  }

  /** Time spent waiting for shards (ms): calls side by side count one by one. */
  get waitedMs(): number {
    return this.#waitedMs;
  }

  /** One line for each shard and each file whose samples are missing. */
  get warnings(): string[] {
    const shards = [...this.#missing].sort(([a], [b]) => a - b).map(([shard, reason]) => `the answer is incomplete: series of shard ${shard} are missing: ${reason}`);
    return [...shards, ...this.warm.warnings, ...this.cold.warnings];
  }

  /** For `stats`: sums over all tiers, and each tier by itself. Objects are files of the archive. */
  toJson(): Readonly<Record<string, unknown>> {
    const hot = { samples: this.#samples, bytes: this.#bytes, calls: this.#calls, shards: this.#shards.size, shardsMissing: this.#missing.size };
    const cold = this.cold.toJson();
    const warm = this.warm.toJson();
    const tiers = [...(hot.shards > 0 ? ['hot'] : []), ...(warm.objects > 0 ? ['warm'] : []), ...(cold.objects > 0 ? ['cold'] : [])];
    return { tiers, samples: hot.samples + warm.samples + cold.samples, bytes: hot.bytes + warm.bytes + cold.bytes, objects: warm.objects + cold.objects, hot, warm, cold };
  }
}

/** What was read of a tier that is files. */
class TierReport implements ArchiveWatch {
  readonly allowsPartial: boolean;
  readonly entries: FoundEntries;
  readonly #opened = new Set<string>();
  readonly #missing = new Map<string, string>();
  #requests = 0;
  #bytes = 0;
  #samples = 0;

  constructor(allowsPartial: boolean, entries: FoundEntries) {
    this.allowsPartial = allowsPartial;
    this.entries = entries;
  }

  opened(key: string): void {
    this.#opened.add(key);
  }

  fetched(bytes: number): void {
    this.#requests++;
    this.#bytes += bytes;
  }

  read(sampleCount: number): void {
    this.#samples += sampleCount;
  }

  missed(what: string, reason: string): void {
    this.#missing.set(what, reason);
  }

  get warnings(): string[] {
    return [...this.#missing].map(([what, reason]) => `the answer is incomplete: ${what} are missing: ${reason}`);
  }

  /** `requests` are those to the object store: what an isolate remembers of a file is not asked for again. `missing` are parts that could not be read. */
  toJson() {
    return { samples: this.#samples, bytes: this.#bytes, requests: this.#requests, objects: this.#opened.size, missing: this.#missing.size };
  }
}
