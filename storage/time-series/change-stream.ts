import type { BatchChange } from '../shard/feed/change-feed.ts';
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

/** What comes next of a list, or that it is no longer known. */
interface NextChanges {
  readonly list: keyof FeedPosition;
  readonly batches: readonly BatchChange[];
}

/**
 * The change feed as events, in the order of commit; values that came when their window had moved follow behind what else there is. The
 * consumer pulls: what it has not asked for is not read, so a slow one holds up nothing and holds no memory; too slow a one gets a
 * `cdc.resync`.
 */
export function changeStream<T>(input: ChangeStreamInput<T>, options: ChangeOptions): AsyncGenerator<ChangeEvent<T>, void, undefined> {
  const ended = new AbortController();
  const signal = options.signal === undefined ? ended.signal : AbortSignal.any([options.signal, ended.signal]);
  const stream = eventStream(input, { ...options, signal });
  const giveUp = stream.return.bind(stream);
  // A generator's own `return` comes behind a `next` that waits, and for a live stream in which nothing happens that is never.
  stream.return = (value) => {
    ended.abort();
    return giveUp(value);
  };
  return stream;
}

async function* eventStream<T>({ engine, table, parse }: ChangeStreamInput<T>, options: ChangeOptions): AsyncGenerator<ChangeEvent<T>, void, undefined> {
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
    const next = nextChanges(engine, position);
    if (next === 'resync') {
      position = edges(engine).newest;
      yield { type: 'cdc.resync', op: 's', store: 'timeseries', table, cursor: cursorText(position, perSample) };
      continue;
    }
    for (const batch of next.batches) {
      for (const event of eventsOf(batch, next.list, position, context)) {
        yield event;
        if (isAborted(signal)) return;
      }
      position = { ...position, [next.list]: { sequence: batch.sequence, events: 0 } };
    }
    if (next.batches.length > 0) continue;
    if (!live) return;
    await untilChange(engine, signal);
  }
}

function nextChanges(engine: StoreEngine, { log, late }: FeedPosition): NextChanges | 'resync' {
  return engine.read(({ hot, archive }) => {
    const answer = hot.changes({ version: SHARD_RPC_VERSION, cursor: log.sequence, rowsMax: ROWS_PER_READ, selectors: [] });
    if (answer.status === 'resync') return 'resync';
    if (answer.batches.length > 0 || archive === undefined || late.sequence === archive.late.lastSequence) return { list: 'log', batches: answer.batches };
    const change = archive.late.changeBehind(late.sequence);
    // What came next has moved, or was taken back.
    return change?.sequence === late.sequence + 1 ? { list: 'late', batches: [change] } : 'resync';
  });
}

/** A call, so that the compiler does not think it knows the answer from before. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function start(engine: StoreEngine, cursor: string | undefined, perSample: boolean): FeedPosition {
  if (cursor !== undefined && cursor !== 'oldest' && cursor !== 'latest') return parseCursor(cursor, perSample);
  return edges(engine)[cursor === 'latest' ? 'newest' : 'oldest'];
}

/** Between which positions the feed reaches. */
function edges(engine: StoreEngine): { readonly oldest: FeedPosition; readonly newest: FeedPosition } {
  return engine.read(({ hot, archive }) => {
    const { oldest, newest } = hot.changeCursors();
    const lateNewest = archive?.late.lastSequence ?? 0;
    const first = archive?.late.changeBehind(0)?.sequence;
    const at = (log: number, late: number): FeedPosition => ({ log: { sequence: log, events: 0 }, late: { sequence: late, events: 0 } });
    return { oldest: at(oldest, first === undefined ? lateNewest : first - 1), newest: at(newest, lateNewest) };
  });
}

/** Resolves behind the next change, or when the signal ends the wait. */
function untilChange(engine: StoreEngine, signal: AbortSignal | undefined): Promise<void> {
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
