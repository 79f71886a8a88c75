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

/**
 * A Sql port that breaks at one call. From then on every call throws, as with an object whose storage has gone: memory must not be used
 * any more. What is durable is what `inner` has committed: an open transaction is rolled back when the fault leaves it.
 */
export class FaultySql implements Sql {
  readonly #inner: Sql;
  readonly #plan: FaultPlan | undefined;
  #calls = 0;
  #isBroken = false;

  /** Without a plan it only counts. */
  constructor(inner: Sql, plan: FaultPlan | undefined) {
    this.#inner = inner;
    this.#plan = plan;
  }

  get calls(): number {
    return this.#calls;
  }

  get isBroken(): boolean {
    return this.#isBroken;
  }

  all<Row extends SqlRow>(statement: string, ...parameters: Parameter[]): Row[] {
    return this.#call(() => this.#inner.all<Row>(statement, ...parameters));
  }

  each<Row extends SqlRow>(statement: string, ...parameters: Parameter[]): Iterable<Row> {
    return this.#call(() => this.#inner.each<Row>(statement, ...parameters));
  }

  run(statement: string, ...parameters: Parameter[]): void {
    this.#call(() => this.#inner.run(statement, ...parameters));
  }

  transaction<T>(body: () => T): T {
    // The call before: the transaction does not begin. The call after the body: it is not committed, or it is and nobody learns of it.
    this.#call(() => undefined);
    const commit = this.#inner.transaction(() => {
      const result = body();
      const fault = this.#faultOfNextCall();
      if (fault === 'before') throw this.#break();
      return { result, fault };
    });
    if (commit.fault === 'after') throw this.#break();
    return commit.result;
  }

  rowsWritten(): number {
    return this.#inner.rowsWritten();
  }

  sizeBytes(): number {
    return this.#inner.sizeBytes();
  }

  #call<T>(effect: () => T): T {
    const fault = this.#faultOfNextCall();
    if (fault === 'before') throw this.#break();
    const result = effect();
    if (fault === 'after') throw this.#break();
    return result;
  }

  #faultOfNextCall(): 'before' | 'after' | undefined {
    if (this.#isBroken) return 'before';
    return this.#calls++ === this.#plan?.call ? this.#plan.when : undefined;
  }

  #break(): InjectedFault {
    this.#isBroken = true;
    return new InjectedFault(`storage fault at call ${this.#calls - 1}`);
  }
}
