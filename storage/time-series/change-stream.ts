import { SHARD_RPC_VERSION } from '../shard/shard-api.ts';
import { cursorText, eventsOf, parseCursor, type ChangeEvent, type FeedPosition } from './change-events.ts';
import type { StoreEngine } from './store-engine.ts';

/** Rows of the log read at a time. */
const ROWS_PER_READ = 64;

export interface ChangeOptions {
  /** Of the last event seen; `'oldest'` (the default) is as far back as the feed reaches, `'latest'` is behind everything so far. */
  readonly cursor?: string | undefined;
  /** Wait for what is still to come, until `signal` ends it; otherwise the stream ends when it has caught up. */
  readonly live?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** One event for each value, and not one for each batch and key. */
  readonly perSample?: boolean | undefined;
}

export interface ChangeStreamInput<T> {
  readonly engine: StoreEngine;
  readonly table: string;
  readonly parse: (text: string) => T;
}

/**
 * The change feed as events, in the order of commit. The consumer pulls: what it has not asked for is not read, so a slow one holds up
 * nothing and holds no memory; too slow a one gets a `cdc.resync`.
 */
export async function* changeStream<T>({ engine, table, parse }: ChangeStreamInput<T>, options: ChangeOptions): AsyncGenerator<ChangeEvent<T>, void, undefined> {
  const { live = false, signal, perSample = false } = options;
  const context = {
    table,
    perSample,
    readDocument: (timestampMs: number, id: number): T | undefined => {
      const text = engine.documentText(timestampMs, id);
      return text === undefined ? undefined : parse(text);
    },
  };
  let position = start(engine, options.cursor, perSample);
  while (!isAborted(signal)) {
    const answer = engine.read(({ hot }) => hot.changes({ version: SHARD_RPC_VERSION, cursor: position.sequence, rowsMax: ROWS_PER_READ, selectors: [] }));
    if (answer.status === 'resync') {
      position = { sequence: answer.cursor, events: 0 };
      yield { type: 'cdc.resync', op: 's', store: 'timeseries', table, cursor: cursorText(position, perSample) };
      continue;
    }
    for (const batch of answer.batches) {
      for (const event of eventsOf(batch, position.events, context)) {
        yield event;
        if (isAborted(signal)) return;
      }
      position = { sequence: batch.sequence, events: 0 };
    }
    if (answer.batches.length > 0) continue;
    if (!live) return;
    await nextChange(engine, signal);
  }
}

/** A call, so that the compiler does not think it knows the answer from before. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function start(engine: StoreEngine, cursor: string | undefined, perSample: boolean): FeedPosition {
  if (cursor !== undefined && cursor !== 'oldest' && cursor !== 'latest') return parseCursor(cursor, perSample);
  const { oldest, newest } = engine.read(({ hot }) => hot.changeCursors());
  return { sequence: cursor === 'latest' ? newest : oldest, events: 0 };
}

/** Resolves behind the next change, or when the signal ends the wait. */
function nextChange(engine: StoreEngine, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      engine.offChange(done);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    engine.onChange(done);
    signal?.addEventListener('abort', done);
  });
}
