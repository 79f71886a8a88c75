/** Which parts of the data a request has read, and which it could not read: what `stats` and warnings are made of. */
export class ReadReport {
  /** Whether the caller takes an answer in which parts are missing. */
  readonly allowsPartial: boolean;
  readonly #shards = new Set<number>();
  readonly #missing = new Map<number, string>();
  #calls = 0;
  #bytes = 0;
  #waitedMs = 0;

  constructor(allowsPartial: boolean) {
    this.allowsPartial = allowsPartial;
  }

  /** One call of a shard was answered. */
  answered(shard: number, bytes: number, waitedMs: number): void {
    this.#shards.add(shard);
    this.#calls++;
    this.#bytes += bytes;
    this.#waitedMs += waitedMs;
  }

  /** A shard could not be read, and the answer goes on without what it holds. */
  missed(shard: number, reason: string): void {
    this.#missing.set(shard, reason);
  }

  /** Time spent waiting for shards (ms): calls side by side count one by one. */
  get waitedMs(): number {
    return this.#waitedMs;
  }

  /** One line for each shard whose series are missing. */
  get warnings(): string[] {
    return [...this.#missing].sort(([a], [b]) => a - b).map(([shard, reason]) => `the answer is incomplete: series of shard ${shard} are missing: ${reason}`);
  }

  /** For `stats`. Objects are files of the archive. */
  toJson(): Readonly<Record<string, unknown>> {
    return { tiers: ['hot'], shards: this.#shards.size, shardsMissing: this.#missing.size, calls: this.#calls, bytes: this.#bytes, objects: 0 };
  }
}
