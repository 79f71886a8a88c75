import type { DatabaseSync } from 'node:sqlite';
import { formatLabels } from '../../../storage/model/labels.ts';
import { decodeSeriesBlock } from '../../../storage/shard/index/series-block.ts';
import { decodeSegmentList } from '../../../storage/shard/segment/segment-list.ts';
import { UsageError } from '../usage-error.ts';
import { describeSegment } from './describe-segment.ts';
import type { InspectOptions } from './options.ts';
import { count, counted, table, timeText } from './text.ts';

/* The SQLite database of a Durable Object, as workerd keeps it on a disk. It is only read, and may be in use. */

type Row = Readonly<Record<string, string | number | Uint8Array | null>>;

/** Everything in a database; with `segment`, that segment row of a shard. */
export function* describeDatabase(database: DatabaseSync, name: string, segment: number | undefined, options: InspectOptions): Generator<string> {
  const tables = rowsOf(database, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\' ORDER BY name").map((row) => String(row['name']));
  const isShard = tables.includes('segment');
  if (segment !== undefined) {
    if (!isShard) throw new UsageError(`${name}: no database of a shard, which alone has segments`);
    yield* describeOneSegment(database, name, segment, options);
    return;
  }
  yield `SQLite database of ${isShard ? 'a shard' : tables.includes('shard_map') ? 'a catalog' : 'an object'}: ${counted(tables.length, 'table')}`;
  yield* table(['table', 'rows'], tables.map((each) => [each, count(Number(rowsOf(database, `SELECT count(*) AS rows FROM "${each}"`)[0]!['rows']))]), '  ');
  if (isShard) yield* describeShard(database, name);
}

function* describeShard(database: DatabaseSync, name: string): Generator<string> {
  const [state] = rowsOf(database, 'SELECT * FROM shard_state WHERE id = 1');
  yield '';
  yield 'shard_state';
  for (const [column, value] of Object.entries(state ?? {})) {
    if (value instanceof Uint8Array || column === 'id') continue;
    yield `  ${column} = ${value === null ? 'null' : column.endsWith('_ms') ? timeText(Number(value)) : String(value)}`;
  }
  const [wal] = rowsOf(database, 'SELECT count(*) AS rows, coalesce(sum(length(samples)), 0) AS bytes FROM wal WHERE sequence > (SELECT sealed_sequence FROM shard_state WHERE id = 1)');
  yield `log: ${counted(Number(wal!['rows']), 'WAL row')} of ${counted(Number(wal!['bytes']), 'byte')} not sealed yet`;
  const live = state?.['live_segments'];
  const order = live instanceof Uint8Array ? decodeSegmentList(live.slice().buffer, `${name}: live_segments`) : undefined;
  const rows = rowsOf(database, 'SELECT segment, seal, min_time_ms, max_time_ms, first_metric, last_metric, sample_count, length(samples) AS bytes FROM segment ORDER BY segment');
  yield '';
  yield `${counted(rows.length, 'segment row')}${order === undefined ? '' : `, ${count(order.length)} of them live`} (--segment N prints one)`;
  yield* table(
    ['segment', 'seal', 'first sample', 'last sample', 'metrics', 'samples', 'bytes', ''],
    rows.map((row) => [
      String(row['segment']), String(row['seal']), timeText(Number(row['min_time_ms'])), timeText(Number(row['max_time_ms'])), `${String(row['first_metric'])} … ${String(row['last_metric'])}`,
      count(Number(row['sample_count'])), count(Number(row['bytes'])), order === undefined || order.includes(Number(row['segment'])) ? '' : 'held by a snapshot, or to be deleted',
    ]),
    '  ',
  );
}

function* describeOneSegment(database: DatabaseSync, name: string, segment: number, options: InspectOptions): Generator<string> {
  const [row] = rowsOf(database, 'SELECT samples FROM segment WHERE segment = ?', segment);
  if (!(row?.['samples'] instanceof Uint8Array)) throw new UsageError(`${name}: no segment row ${segment}`);
  const labels = new Map<number, string>();
  for (const block of rowsOf(database, 'SELECT first_ref, definitions FROM series_block ORDER BY first_ref')) {
    const first = Number(block['first_ref']);
    decodeSeriesBlock((block['definitions'] as Uint8Array).slice().buffer, `${name}: series block ${first}`, (definition, offset) => labels.set(first + offset, formatLabels(definition.labels)));
  }
  yield* describeSegment(row['samples'], `${name}: segment ${segment}`, options, (ref) => labels.get(ref) ?? 'forgotten');
}

function rowsOf(database: DatabaseSync, statement: string, ...parameters: number[]): Row[] {
  return database.prepare(statement).all(...parameters) as Row[];
}
