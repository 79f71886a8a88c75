import { DecodeError } from '../../../proto/decode-error.ts';
import { decodeAvroFile, type AvroRecord } from '../iceberg/avro-reader.ts';
import type { AvroValue } from '../iceberg/avro.ts';
import type { ColumnStatistics, DataFile } from '../iceberg/data-file.ts';
import { MANIFEST_STATUS, PLACES_KEY, type StoredPlace, type FileTotals, type Manifest, type ManifestEntry } from '../iceberg/iceberg-manifest.ts';
import { parseJson } from '../iceberg/parse-json.ts';
import { dayOfOrdinal, type TableDefinition } from '../iceberg/table-definition.ts';

/*
 * Manifests and manifest lists of our own, read back by a catalog that does not know what it has written (archive/upkeep/catalog-recovery.ts). The
 * other direction of iceberg-manifest.ts.
 */

/** A file that a manifest names. */
export interface ManifestFile {
  readonly status: ManifestEntry['status'];
  readonly key: string;
  readonly sizeBytes: number;
  /** Of the snapshot that added it. */
  readonly snapshotId: number;
  readonly sequenceNumber: number;
  /** As the catalog had it; `undefined` in manifests of releases that did not say. */
  readonly known: { readonly file: DataFile; readonly place: StoredPlace } | undefined;
}

/** Of a location, as manifests have it, the key. */
export type KeyOf = (location: string) => string;

/** The manifests that a list names. Throws a DecodeError that says `where` for what Varve has not written. */
export function decodeManifestList(definition: TableDefinition, bytes: Uint8Array, keyOf: KeyOf, where: string): Manifest[] {
  return decodeAvroFile(bytes, where).records.map((record): Manifest => {
    const totals = (name: string): FileTotals => ({ files: numberIn(record, `${name}_files_count`, where), rows: numberIn(record, `${name}_rows_count`, where) });
    const [partition] = listIn(record, 'partitions', where);
    const dayAt = (bound: 'lower_bound' | 'upper_bound'): number => {
      const bytesOfOrdinal = (partition as AvroRecord | undefined)?.[bound];
      if (!(bytesOfOrdinal instanceof Uint8Array) || bytesOfOrdinal.length !== 4) throw new DecodeError(`${where}: a manifest without ${bound} of its partitions`);
      return dayOfOrdinal(definition, new DataView(bytesOfOrdinal.buffer, bytesOfOrdinal.byteOffset).getInt32(0, true));
    };
    return {
      key: keyOf(textIn(record, 'manifest_path', where)),
      sizeBytes: numberIn(record, 'manifest_length', where),
      sequenceNumber: numberIn(record, 'sequence_number', where),
      snapshotId: numberIn(record, 'added_snapshot_id', where),
      added: totals('added'),
      existing: totals('existing'),
      deleted: totals('deleted'),
      minSequenceNumber: numberIn(record, 'min_sequence_number', where),
      firstDay: dayAt('lower_bound'),
      lastDay: dayAt('upper_bound'),
    };
  });
}

/** The files that a manifest names, those that it says are deleted too. Throws as `decodeManifestList`. */
export function decodeManifest({ name: table }: TableDefinition, bytes: Uint8Array, manifest: Manifest, keyOf: KeyOf): ManifestFile[] {
  const where = manifest.key;
  const { metadata, records } = decodeAvroFile(bytes, where);
  const places = readPlaces(metadata.get(PLACES_KEY), records.length, where);
  return records.map((record, i): ManifestFile => {
    const file = record['data_file'] as AvroRecord;
    const key = keyOf(textIn(file, 'file_path', where));
    const sizeBytes = numberIn(file, 'file_size_in_bytes', where);
    const place = places[i];
    return {
      status: statusOf(numberIn(record, 'status', where), where),
      key,
      sizeBytes,
      // An entry without them inherits both from its manifest.
      snapshotId: record['snapshot_id'] === undefined ? manifest.snapshotId : numberIn(record, 'snapshot_id', where),
      sequenceNumber: record['sequence_number'] === undefined ? manifest.sequenceNumber : numberIn(record, 'sequence_number', where),
      known: place && { place: place.place, file: { table, key, sizeBytes, rowCount: numberIn(file, 'record_count', where), ...place.rest, ...columnsOf(file, where) } },
    };
  });
}

interface WrittenPlace {
  readonly place: StoredPlace;
  readonly rest: Pick<DataFile, 'tailBytes' | 'minTimeMs' | 'maxTimeMs'>;
}

function readPlaces(text: string | undefined, count: number, where: string): readonly (WrittenPlace | undefined)[] {
  if (text === undefined) return [];
  const list = parseJson(text, `${where}: ${PLACES_KEY}`);
  if (!Array.isArray(list) || list.length !== count) throw new DecodeError(`${where}: ${PLACES_KEY} has other files than the manifest`);
  return list.map((item: unknown) => {
    if (item === null) return undefined;
    const [shard, ...numbers] = Array.isArray(item) ? (item as readonly unknown[]) : [];
    if (typeof shard !== 'string' || numbers.length < 7 || !numbers.every((number) => typeof number === 'number')) throw new DecodeError(`${where}: ${PLACES_KEY} has ${JSON.stringify(item)}`);
    const [rank, run, position, cleanThrough, tailBytes, minTimeMs, maxTimeMs] = numbers as [number, number, number, number, number, number, number];
    return { place: { shard, rank, run, position, cleanThrough }, rest: { tailBytes, minTimeMs, maxTimeMs } };
  });
}

/** Field of the metric's name, by which all tables are sorted. */
const METRIC_FIELD = 1;

function columnsOf(file: AvroRecord, where: string): Pick<DataFile, 'firstMetric' | 'lastMetric' | 'columns'> {
  const map = (name: string): Map<number, AvroValue> => new Map((listIn(file, name, where) as readonly AvroRecord[]).map((entry) => [numberIn(entry, 'key', where), entry['value']]));
  const [valueCounts, nullCounts, nanCounts, lower, upper] = [map('value_counts'), map('null_value_counts'), map('nan_value_counts'), map('lower_bounds'), map('upper_bounds')];
  const columns = [...map('column_sizes')].map(([fieldId, bytes]): ColumnStatistics => {
    const [least, greatest] = [lower.get(fieldId), upper.get(fieldId)];
    return {
      fieldId,
      bytes: bytes as number,
      valueCount: valueCounts.get(fieldId) as number,
      nullCount: nullCounts.get(fieldId) as number,
      nanCount: nanCounts.get(fieldId) as number | undefined,
      bounds: least instanceof Uint8Array && greatest instanceof Uint8Array ? { lower: least, upper: greatest } : undefined,
    };
  });
  const text = (bound: AvroValue): string => (bound instanceof Uint8Array ? new TextDecoder().decode(bound) : '');
  return { firstMetric: text(lower.get(METRIC_FIELD)), lastMetric: text(upper.get(METRIC_FIELD)), columns };
}

function statusOf(number: number, where: string): ManifestEntry['status'] {
  const found = Object.entries(MANIFEST_STATUS).find(([, status]) => status === number);
  if (found === undefined) throw new DecodeError(`${where}: an entry of status ${number}`);
  return found[0] as ManifestEntry['status'];
}

function numberIn(record: AvroRecord, field: string, where: string): number {
  const value = record[field];
  if (typeof value !== 'number') throw new DecodeError(`${where}: ${field} is ${typeof value}, want a number`);
  return value;
}

function textIn(record: AvroRecord, field: string, where: string): string {
  const value = record[field];
  if (typeof value !== 'string') throw new DecodeError(`${where}: ${field} is ${typeof value}, want text`);
  return value;
}

function listIn(record: AvroRecord, field: string, where: string): readonly AvroValue[] {
  const value = record[field] ?? [];
  if (!Array.isArray(value)) throw new DecodeError(`${where}: ${field} is ${typeof value}, want a list`);
  return value as readonly AvroValue[];
}
