import { isLongerUtf8 } from '../model/utf8-length.ts';
import type { LIMITS } from '../runtime/limits.ts';
import type { Sql } from '../runtime/sql.ts';
import { CATALOG_RPC_VERSION, type ClaimReplicaAnswer, type ClaimReplicaRequest } from './catalog-api.ts';

export type HaLimits = Pick<typeof LIMITS, 'haFailoverMs' | 'haRenewMs' | 'haClustersMax' | 'haForgetMs' | 'labelValueBytesMax'>;

interface Lease {
  readonly replica: string;
  /** Unix ms by the catalog's clock. Until then nobody else is elected. */
  untilMs: number;
}

/**
 * Which replica of each cluster of Prometheus servers that scrape the same is the one whose samples are kept.
 *
 * The elected replica has a lease. Whoever hears its samples renews the lease here, once in `haRenewMs`; when the lease has run out, the next
 * replica that asks is elected. The lease is `haFailoverMs + haRenewMs` long, so that no fail-over comes sooner than `haFailoverMs` after the
 * elected one's last samples, and with a replica that goes on sending none comes later than a renewal after that.
 *
 * Only a change of who is elected is written: one row a fail-over. Renewals live in memory. An instance that wakes knows who was elected and
 * not when it was last heard, and gives it a whole lease: a fail-over may then come one lease later, and never too soon.
 */
export class HaElections {
  readonly #sql: Sql;
  readonly #limits: HaLimits;
  readonly #leases = new Map<string, Lease>();

  /** `sql` is a catalog's database that has been migrated (catalog-schema.ts). */
  constructor(sql: Sql, limits: HaLimits, nowMs: number) {
    this.#sql = sql;
    this.#limits = limits;
    for (const { cluster, replica } of sql.all<{ cluster: string; replica: string }>('SELECT cluster, replica FROM ha_elected')) {
      this.#leases.set(cluster, { replica, untilMs: nowMs + this.#leaseMs });
    }
  }

  /** `replica` has sent samples: renews its lease, elects it if the lease is free, or says who is elected. */
  claim({ cluster, replica }: ClaimReplicaRequest, nowMs: number): ClaimReplicaAnswer {
    const lease = this.#leases.get(cluster);
    this.#fence(cluster, lease?.replica);
    if (lease !== undefined) this.#shorten(lease, nowMs);
    if (lease !== undefined && lease.replica !== replica && nowMs < lease.untilMs) return this.#answer(lease, nowMs, false);
    if (lease?.replica === replica) {
      lease.untilMs = nowMs + this.#leaseMs;
      return this.#answer(lease, nowMs, true);
    }
    const refusal = this.#nameRefusal(cluster, replica) ?? (lease === undefined ? this.#roomRefusal(nowMs) : undefined);
    if (refusal !== undefined) return { version: CATALOG_RPC_VERSION, status: 'refused', message: refusal };
    // Commit point: this row. A crash before it leaves the replica that was elected before, with a new lease; a crash behind it leaves the new
    // one, which nobody has been told of and whose next samples find it elected.
    this.#sql.run('INSERT OR REPLACE INTO ha_elected (cluster, replica) VALUES (?, ?)', cluster, replica);
    const elected = { replica, untilMs: nowMs + this.#leaseMs };
    this.#leases.set(cluster, elected);
    return this.#answer(elected, nowMs, true);
  }

  get #leaseMs(): number {
    return this.#limits.haFailoverMs + this.#limits.haRenewMs;
  }

  /** One that is longer than any is of before the clock was set back: whatever was promised of it is over when a whole lease is. */
  #shorten(lease: Lease, nowMs: number): void {
    lease.untilMs = Math.min(lease.untilMs, nowMs + this.#leaseMs);
  }

  /** An instance that has been replaced may still be asked; the one behind it may have elected somebody else. */
  #fence(cluster: string, replica: string | undefined): void {
    const [row] = this.#sql.all<{ replica: string }>('SELECT replica FROM ha_elected WHERE cluster = ?', cluster);
    if (row?.replica !== replica) throw new Error('this instance of the catalog has been replaced: ask again');
  }

  #answer({ replica, untilMs }: Lease, nowMs: number, isElected: boolean): ClaimReplicaAnswer {
    return { version: CATALOG_RPC_VERSION, status: 'elected', replica, isElected, leaseMs: untilMs - nowMs };
  }

  /** Why these names cannot be stored. */
  #nameRefusal(cluster: string, replica: string): string | undefined {
    const { labelValueBytesMax } = this.#limits;
    if (!isLongerUtf8(cluster, labelValueBytesMax) && !isLongerUtf8(replica, labelValueBytesMax)) return undefined;
    return `the name of a cluster or replica is longer than labelValueBytesMax (${labelValueBytesMax})`;
  }

  /** Why a new cluster cannot be taken; makes room by forgetting clusters that have not been heard of for long. */
  #roomRefusal(nowMs: number): string | undefined {
    const { haClustersMax, haForgetMs } = this.#limits;
    if (this.#leases.size < haClustersMax) return undefined;
    for (const [known, lease] of this.#leases) {
      this.#shorten(lease, nowMs);
      if (nowMs - lease.untilMs < haForgetMs) continue;
      this.#sql.run('DELETE FROM ha_elected WHERE cluster = ?', known);
      this.#leases.delete(known);
    }
    if (this.#leases.size < haClustersMax) return undefined;
    return `there are ${this.#leases.size} clusters of replicas, the limit haClustersMax is ${haClustersMax}`;
  }
}
