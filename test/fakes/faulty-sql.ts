import type { Sql, SqlRow, SqlValue } from '../../storage/runtime/sql.ts';

type Parameter = SqlValue | ArrayBufferView;

/** What a FaultySql throws where it was told to, and for ever after. */
export class InjectedFault extends Error {
  override readonly name = 'InjectedFault';
}

export interface FaultPlan {
  /** Position of the call that fails, from 0. Beginning and committing a transaction are calls. */
  readonly call: number;
  /** Whether the call's effect is there: the unknown outcome, or a crash just behind it. */
  readonly when: 'before' | 'after';
}

/** Where a call is made. */
interface CallSite {
  /** What a fault here leaves behind: equal for calls between which nothing changes for good. */
  readonly state: string;
  /** The statement, the line that asks for it, and all lines that have led and wait there: the way that an exception takes. */
  readonly place: string;
}

/**
 * A Sql port that breaks at one call. From then on every call throws, as with an object whose storage has gone: memory must not be used
 * any more. What is durable is what `inner` has committed: an open transaction is rolled back when the fault leaves it.
 */
export class FaultySql implements Sql {
  readonly #inner: Sql;
  #plan: FaultPlan | undefined;
  #calls = 0;
  #lastingCalls: number[] = [];
  #stateAround: (() => string) | undefined;
  #sites: CallSite[] = [];
  #depth = 0;
  #isBroken = false;

  /** Without a plan it only counts. */
  constructor(inner: Sql, plan?: FaultPlan) {
    this.#inner = inner;
    this.#plan = plan;
  }

  /** Counts from here on: what an object does while it wakes is behind it. */
  arm(plan?: FaultPlan): void {
    this.#plan = plan;
    this.#calls = 0;
    this.#lastingCalls = [];
    this.#sites = [];
  }

  /** Notes the site of each call from here on. `stateAround` differs wherever something has changed that outlasts a fault. */
  noteSites(stateAround: () => string): void {
    this.#stateAround = stateAround;
  }

  /** Of each call, if they are noted. */
  get sites(): readonly CallSite[] {
    return this.#sites;
  }

  get calls(): number {
    return this.#calls;
  }

  /** Positions of the calls that have had an effect which outlasts a fault: writes outside a transaction, and the commit of one that is in no other. */
  get lastingCalls(): readonly number[] {
    return this.#lastingCalls;
  }

  get isBroken(): boolean {
    return this.#isBroken;
  }

  all<Row extends SqlRow>(statement: string, ...parameters: Parameter[]): Row[] {
    return this.#call(statement, () => this.#inner.all<Row>(statement, ...parameters), !isRead(statement));
  }

  each<Row extends SqlRow>(statement: string, ...parameters: Parameter[]): Iterable<Row> {
    return this.#call(statement, () => this.#inner.each<Row>(statement, ...parameters), !isRead(statement));
  }

  run(statement: string, ...parameters: Parameter[]): void {
    this.#call(statement, () => this.#inner.run(statement, ...parameters), true);
  }

  transaction<T>(body: () => T): T {
    // The call before: the transaction does not begin. The call after the body: it is not committed, or it is and nobody learns of it.
    this.#call('begin', () => undefined, false);
    const commit = this.#inner.transaction(() => {
      const result = this.#within(body);
      const fault = this.#faultOfNextCall('commit');
      if (fault === 'before') throw this.#break();
      return { result, fault };
    });
    this.#noteEffect();
    if (commit.fault === 'after') throw this.#break();
    return commit.result;
  }

  rowsWritten(): number {
    return this.#inner.rowsWritten();
  }

  sizeBytes(): number {
    return this.#inner.sizeBytes();
  }

  #within<T>(body: () => T): T {
    this.#depth++;
    try {
      return body();
    } finally {
      this.#depth--;
    }
  }

  #call<T>(what: string, effect: () => T, writes: boolean): T {
    const fault = this.#faultOfNextCall(what);
    if (fault === 'before') throw this.#break();
    const result = effect();
    if (writes) this.#noteEffect();
    if (fault === 'after') throw this.#break();
    return result;
  }

  /** Of the latest call. */
  #noteEffect(): void {
    if (this.#depth === 0) this.#lastingCalls.push(this.#calls - 1);
  }

  #faultOfNextCall(what: string): 'before' | 'after' | undefined {
    if (this.#isBroken) return 'before';
    if (this.#stateAround !== undefined) this.#sites.push({ state: `${this.#lastingCalls.length} ${this.#stateAround()}`, place: `${what} ${stackTrace()}` });
    return this.#calls++ === this.#plan?.call ? this.#plan.when : undefined;
  }

  #break(): InjectedFault {
    this.#isBroken = true;
    return new InjectedFault(`storage fault at call ${this.#calls - 1}`);
  }
}

function isRead(statement: string): boolean {
  return /^\s*SELECT\b/i.test(statement);
}

/** Who has called, through all that awaits; as V8 says it, for Node would ask of each line whether there is a source map. */
function stackTrace(): string {
  const { stackTraceLimit, prepareStackTrace } = Error;
  Error.stackTraceLimit = Infinity;
  Error.prepareStackTrace = (_, callSites) => callSites.join('\n');
  const { stack } = new Error('here');
  Object.assign(Error, { stackTraceLimit, prepareStackTrace });
  return stack!;
}

/** Each call that an undisturbed run has made: where the crash tests of append, seal, snapshot, restore, prune and migration break. */
export function everyCall({ calls }: FaultySql): number[] {
  return Array.from({ length: calls }, (_, call) => call);
}

/**
 * Where a longer crash test breaks what an undisturbed run has counted: before each call; and behind those whose effect lasts. Behind any other a
 * fault is to the bit what it is before it: nothing of the call is left, and the caller gets the same error from the same call. If sites are
 * noted, not before every call, but before the first of all that leave the same and the first of all from one place: so each state is left
 * once at least, and an exception goes each way once. With a stride, the first of these at or behind every so many calls.
 */
export function faultsOf(sql: FaultySql, when: FaultPlan['when'], stride = 1): number[] {
  const { lastingCalls, sites } = sql;
  const seen = new Set<string>();
  const isNew = (call: number): boolean => {
    const before = seen.size;
    for (const part of Object.entries(sites[call] ?? { call })) seen.add(part.join(' '));
    return seen.size > before;
  };
  const positions = when === 'before' ? everyCall(sql).filter(isNew) : lastingCalls;
  const stretchOf = (call: number | undefined): number => (call === undefined ? -1 : Math.floor(call / stride));
  return positions.filter((call, i) => stretchOf(call) > stretchOf(positions[i - 1]));
}
