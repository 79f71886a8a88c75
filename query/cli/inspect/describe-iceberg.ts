import { decodeAvroFile, type AvroFile, type AvroRecord } from '../../../storage/catalog/iceberg/avro-reader.ts';
import type { AvroValue } from '../../../storage/catalog/iceberg/avro.ts';
import type { Snapshot, TableMetadata } from '../../../storage/catalog/iceberg/table-metadata.ts';
import { dayText } from '../../../storage/runtime/units.ts';
import type { InspectOptions } from './options.ts';
import { count, counted, hex, table, timeText } from './text.ts';

/* The objects of an Iceberg table: its metadata, manifest lists and manifests. */

const MICROS_PER_MS = 1000;
const STATUS = ['existing', 'added', 'deleted'];
const CONTENT = ['data', 'deletes'];

interface Field {
  readonly id: number;
  readonly name: string;
  readonly required?: boolean;
  readonly type: unknown;
}

export function isTableMetadata(value: unknown): value is TableMetadata {
  return typeof value === 'object' && value !== null && 'format-version' in value && 'table-uuid' in value;
}

export function* describeMetadata(metadata: TableMetadata): Generator<string> {
  yield `Iceberg table metadata, format version ${metadata['format-version']}: ${metadata.location}`;
  yield `  table ${metadata['table-uuid']}, sequence number ${metadata['last-sequence-number']}, updated ${timeText(metadata['last-updated-ms'])}`;
  for (const [name, value] of Object.entries(metadata.properties)) yield `  ${name} = ${value}`;
  const schema = metadata.schemas.find((each) => (each as { 'schema-id': number })['schema-id'] === metadata['current-schema-id']) as { readonly fields: readonly Field[] } | undefined;
  yield '';
  yield `schema ${metadata['current-schema-id']} of ${metadata.schemas.length}`;
  yield* table(['field id', 'column', '', 'type'], (schema?.fields ?? []).map((field) => [String(field.id), field.name, field.required === true ? 'required' : 'optional', typeText(field.type)]), '  ');
  yield* specLines('partition spec', metadata['partition-specs'], 'spec-id', metadata['default-spec-id']);
  yield* specLines('sort order', metadata['sort-orders'], 'order-id', metadata['default-sort-order-id']);
  yield '';
  yield `${counted(metadata.snapshots.length, 'snapshot')}, current ${metadata['current-snapshot-id']}`;
  yield* table(
    ['snapshot', 'sequence', 'time', 'operation', 'added files', 'rows', 'removed files', 'rows', 'all files', 'rows', 'bytes', 'manifest list'],
    metadata.snapshots.map((snapshot) => snapshotRow(snapshot)),
    '  ',
  );
  for (const entry of metadata['metadata-log']) yield `earlier metadata, until ${timeText(entry['timestamp-ms'])}: ${entry['metadata-file']}`;
}

function snapshotRow({ 'snapshot-id': id, 'sequence-number': sequence, 'timestamp-ms': timeMs, summary, 'manifest-list': list }: Snapshot): string[] {
  const number = (name: string): string => count(Number(summary[name] ?? 0));
  const totals = ['added-data-files', 'added-records', 'deleted-data-files', 'deleted-records', 'total-data-files', 'total-records', 'total-files-size'].map(number);
  return [String(id), String(sequence), timeText(timeMs), summary['operation'] ?? '', ...totals, list];
}

function typeText(type: unknown): string {
  if (typeof type === 'string') return type;
  const { type: kind, key, value } = type as { readonly type: string; readonly key?: unknown; readonly value?: unknown };
  return kind === 'map' ? `map of ${typeText(key)} to ${typeText(value)}` : kind;
}

interface Spec {
  readonly fields: readonly { readonly name?: string; readonly transform: string; readonly 'source-id': number; readonly direction?: string }[];
}

function* specLines(what: string, specs: readonly unknown[], idName: string, current: number): Generator<string> {
  const spec = specs.find((each) => (each as Record<string, unknown>)[idName] === current) as Spec | undefined;
  const fields = (spec?.fields ?? []).map(({ name, transform, 'source-id': source, direction }) => [name, `${transform} of field ${source}`, direction].filter((part) => part !== undefined).join(' '));
  yield `${what} ${current}: ${fields.join(', ') || 'none'}`;
}

export function* describeAvro(bytes: Uint8Array, name: string, options: InspectOptions): Generator<string> {
  const file = decodeAvroFile(bytes, name);
  switch (file.name) {
    case 'manifest_file':
      yield* describeManifestList(file, bytes.length);
      return;
    case 'manifest_entry':
      yield* describeManifest(file, bytes.length, options);
      return;
    default:
      yield `Avro file of ${counted(bytes.length, 'byte')}: ${counted(file.records.length, 'record')} of ${file.name}`;
      for (const record of file.records.slice(0, options.series)) yield `  ${JSON.stringify(record, (_, value: unknown) => value ?? null)}`;
  }
}

function* describeManifestList({ metadata, records }: AvroFile, bytes: number): Generator<string> {
  yield `Iceberg manifest list of ${counted(bytes, 'byte')}: snapshot ${metadata.get('snapshot-id')}, parent ${metadata.get('parent-snapshot-id')}, sequence number ${metadata.get('sequence-number')}, ${counted(records.length, 'manifest')}`;
  const rows = records.map((record) => {
    const [partition] = (record['partitions'] ?? []) as readonly AvroRecord[];
    return [
      CONTENT[record['content'] as number] ?? '',
      String(record['sequence_number']),
      String(record['added_snapshot_id']),
      ...['added', 'existing', 'deleted'].flatMap((kind) => [count(record[`${kind}_files_count`] as number), count(record[`${kind}_rows_count`] as number)]),
      partition === undefined ? '' : `${dayBoundText(partition['lower_bound'])} … ${dayBoundText(partition['upper_bound'])}`,
      count(record['manifest_length'] as number),
      record['manifest_path'] as string,
    ];
  });
  yield* table(['content', 'sequence', 'added by snapshot', 'added files', 'rows', 'existing files', 'rows', 'deleted files', 'rows', 'days', 'bytes', 'manifest'], rows, '  ');
}

function* describeManifest({ metadata, records }: AvroFile, bytes: number, { series: filesMax, pages: showsColumns }: InspectOptions): Generator<string> {
  yield `Iceberg manifest of ${counted(bytes, 'byte')}: ${metadata.get('content')}, schema ${metadata.get('schema-id')}, partition spec ${metadata.get('partition-spec-id')}, ${counted(records.length, 'file')}`;
  const fields = new Map(fieldsOf(JSON.parse(metadata.get('schema') ?? '{"fields":[]}') as { readonly fields: readonly Field[] }));
  for (const record of records.slice(0, filesMax)) {
    const file = record['data_file'] as AvroRecord;
    const partition = Object.entries(file['partition'] as AvroRecord).map(([name, value]) => `${name} ${typeof value === 'number' && name.endsWith('_day') ? dayText(value) : String(value ?? null)}`);
    yield '';
    yield `${STATUS[record['status'] as number] ?? '?'} by snapshot ${String(record['snapshot_id'])}: ${file['file_path'] as string}`;
    yield `  ${file['file_format'] as string}, ${partition.join(', ')}, ${counted(file['record_count'] as number, 'row')}, ${counted(file['file_size_in_bytes'] as number, 'byte')}`;
    if (showsColumns) yield* columnLines(file, fields);
  }
  if (records.length > filesMax) yield `… ${count(records.length - filesMax)} more (--series N shows so many)`;
  if (!showsColumns) yield '(--pages shows the statistics of their columns)';
}

function* columnLines(file: AvroRecord, fields: ReadonlyMap<number, Field>): Generator<string> {
  const mapOf = (name: string): Map<number, AvroValue> => new Map(((file[name] ?? []) as readonly AvroRecord[]).map(({ key, value }) => [key as number, value!]));
  const [sizes, values, nulls, nans, lower, upper] = ['column_sizes', 'value_counts', 'null_value_counts', 'nan_value_counts', 'lower_bounds', 'upper_bounds'].map(mapOf) as [Map<number, AvroValue>, ...Map<number, AvroValue>[]];
  const number = (value: AvroValue): string => (typeof value === 'number' ? count(value) : '');
  const rows = [...sizes.keys()].map((id) => {
    const bounds = lower!.has(id) ? `${boundText(lower!.get(id), fields.get(id))} … ${boundText(upper!.get(id), fields.get(id))}` : '';
    return [String(id), fields.get(id)?.name ?? '', number(sizes.get(id)), number(values!.get(id)), number(nulls!.get(id)), number(nans!.get(id)), bounds];
  });
  yield* table(['field id', 'column', 'bytes', 'values', 'nulls', 'NaN', 'bounds'], rows, '  ');
}

function* fieldsOf({ fields }: { readonly fields: readonly Field[] }): Generator<[number, Field]> {
  for (const field of fields) {
    yield [field.id, field];
    const { 'key-id': keyId, 'value-id': valueId } = (typeof field.type === 'object' ? field.type : {}) as { readonly 'key-id'?: number; readonly 'value-id'?: number };
    if (keyId !== undefined) yield [keyId, { id: keyId, name: `${field.name}.key`, type: 'string' }];
    if (valueId !== undefined) yield [valueId, { id: valueId, name: `${field.name}.value`, type: 'string' }];
  }
}

function boundText(value: AvroValue, field: Field | undefined): string {
  if (!(value instanceof Uint8Array)) return '';
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  if (field?.type === 'string') return new TextDecoder().decode(value);
  if (field?.type === 'timestamptz') return timeText(Number(view.getBigInt64(0, true)) / MICROS_PER_MS);
  if (field?.type === 'long') return String(view.getBigInt64(0, true));
  return field?.type === 'double' ? String(view.getFloat64(0, true)) : hex(value);
}

function dayBoundText(value: AvroValue): string {
  if (!(value instanceof Uint8Array) || value.length !== 4) return '';
  return dayText(new DataView(value.buffer, value.byteOffset, 4).getInt32(0, true));
}
