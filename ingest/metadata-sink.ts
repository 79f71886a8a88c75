import { CATALOG_RPC_VERSION } from '../storage/catalog/catalog-api.ts';
import type { MetadataEntry } from '../storage/model/metadata.ts';
import { isLongerUtf8 } from '../storage/model/utf8-length.ts';
import type { Clock } from '../storage/runtime/clock.ts';
import type { LIMITS } from '../storage/runtime/limits.ts';
import { LruCache } from '../storage/runtime/lru-cache.ts';
import type { Counters } from '../storage/runtime/metrics.ts';
import type { TenantShards } from '../storage/shard-router.ts';

type MetadataLimits = Pick<
  typeof LIMITS,
  'metadataHelpBytesMax' | 'metadataUnitBytesMax' | 'labelValueBytesMax' | 'metadataRenewMs' | 'metadataCacheBytesMax' | 'metadataPageCharactersTarget'
>;

/** What an entry takes beside its characters: short ones are hardly anything else. */
const KNOWN_ENTRY_BYTES = 128;

const utf8 = new TextEncoder();
const utf8Text = new TextDecoder();

/**
 * Where every protocol's metadata goes. Senders repeat theirs every minute: what this isolate knows to be stored is not sent again before
 * it needs renewing, so that in the steady state nothing leaves the Worker. Metadata never costs a request its samples: an entry that
 * cannot be kept is counted, not refused to the sender.
 */
export class MetadataSink {
  readonly #limits: MetadataLimits;
  readonly #clock: Clock;
  readonly #counters: Counters;
  /** Tenant and entry → when the catalog had it (Unix ms). */
  readonly #known: LruCache<string, number>;

  constructor(limits: MetadataLimits, clock: Clock, counters: Counters) {
    this.#limits = limits;
    this.#clock = clock;
    this.#counters = counters;
    this.#known = new LruCache(limits.metadataCacheBytesMax);
  }

  /** Resolves when all entries that can be kept are durable; a throw means that some may not be, and noting them again is harmless. */
  async note(shards: TenantShards, entries: Iterable<MetadataEntry>): Promise<void> {
    const nowMs = this.#clock.nowMs();
    const fresh = new Map<string, MetadataEntry>();
    let characters = 0;
    const send = async (): Promise<void> => {
      const { replaced } = await shards.catalog((catalog) => catalog.noteMetadata({ version: CATALOG_RPC_VERSION, entries: [...fresh.values()] }));
      for (const key of fresh.keys()) this.#known.set(key, nowMs, key.length + KNOWN_ENTRY_BYTES);
      this.#counters.add('varve_ingest_metadata_stored_total', {}, fresh.size);
      if (replaced > 0) this.#counters.add('varve_ingest_metadata_replaced_total', {}, replaced);
      fresh.clear();
      characters = 0;
    };
    for (const sent of entries) {
      const entry = this.#checked(sent);
      if (entry === undefined) continue;
      const key = keyOf(shards.tenant, entry);
      const notedMs = this.#known.get(key);
      // Renewed at half the time after which the catalog takes it, so that it is never late.
      if ((notedMs !== undefined && nowMs - notedMs < this.#limits.metadataRenewMs / 2) || fresh.has(key)) continue;
      fresh.set(key, entry);
      characters += key.length;
      if (characters >= this.#limits.metadataPageCharactersTarget) await send();
    }
    if (fresh.size > 0) await send();
  }

  /** The entry as it is kept, `undefined` when it cannot be. */
  #checked(entry: MetadataEntry): MetadataEntry | undefined {
    const { metric, unit, help } = entry;
    const isKept = metric !== '' && !isLongerUtf8(metric, this.#limits.labelValueBytesMax) && !isLongerUtf8(unit, this.#limits.metadataUnitBytesMax);
    if (!isKept) {
      this.#counters.add('varve_ingest_metadata_refused_total', {}, 1);
      return undefined;
    }
    return isLongerUtf8(help, this.#limits.metadataHelpBytesMax) ? { ...entry, help: cut(help, this.#limits.metadataHelpBytesMax) } : entry;
  }
}

/** Lengths in front keep one field from imitating the next. Joined, it is one run of characters: a template's text would keep its parts, and twice the memory. */
function keyOf(tenant: string, { metric, type, unit, help }: MetadataEntry): string {
  return [tenant.length, ':', metric.length, ':', unit.length, ':', tenant, metric, unit, type, ' ', help].join('');
}

/** The longest beginning in whole characters that fits, with its mark of omission. */
function cut(text: string, bytesMax: number): string {
  const mark = '…';
  const { written } = utf8.encodeInto(text, new Uint8Array(bytesMax - 3));
  return utf8Text.decode(utf8.encode(text).subarray(0, written)) + mark;
}
