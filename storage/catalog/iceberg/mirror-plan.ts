import type { CommitTableRequest, RemoteTable } from './external-catalog.ts';
import type { TableDefinition } from './table-definition.ts';
import type { Snapshot, TableMetadata } from './table-metadata.ts';

/** What a commit must say for another catalog's table to be as ours is. */
export type MirrorPlan =
  | { readonly kind: 'same' }
  | { readonly kind: 'commit'; readonly request: CommitTableRequest }
  /** It is not ours to change: `message` says why, and what helps. */
  | { readonly kind: 'refused'; readonly message: string };

/** Property of the table there: uuid of ours. */
const MIRRORED_UUID = 'varve.table-uuid';

const MAIN = 'main';

type Updates = CommitTableRequest['updates'];

/** Creates a table that was staged: with the ids of columns that files have, and without snapshots. */
export function createRequest({ schema, lastColumnId, partitionSpec, sortOrder }: TableDefinition, ours: TableMetadata, staged: RemoteTable, location: string): CommitTableRequest {
  return {
    requirements: [{ type: 'assert-create' }],
    updates: [
      { action: 'assign-uuid', uuid: staged['table-uuid'] },
      { action: 'upgrade-format-version', 'format-version': 2 },
      { action: 'add-schema', schema, 'last-column-id': lastColumnId },
      // -1: the one that was just added.
      { action: 'set-current-schema', 'schema-id': -1 },
      { action: 'add-spec', spec: partitionSpec },
      { action: 'set-default-spec', 'spec-id': -1 },
      { action: 'add-sort-order', 'sort-order': sortOrder },
      { action: 'set-default-sort-order', 'sort-order-id': -1 },
      { action: 'set-location', location: staged.location ?? location },
      { action: 'set-properties', updates: { ...ours.properties, [MIRRORED_UUID]: ours['table-uuid'] } },
    ] as unknown as Updates,
  };
}

/**
 * The commit that brings a table of another catalog to where ours is: our snapshots that it lacks, the newest as its state, and without those
 * that have left ours. Pure, and from what is there alone: whatever was lost on the way, the next plan is right again.
 */
export function planMirror({ schema, partitionSpec, lastColumnId }: TableDefinition, ours: TableMetadata, remote: RemoteTable, location: string): MirrorPlan {
  const refused = (message: string): MirrorPlan => ({ kind: 'refused', message });
  if (remote.properties[MIRRORED_UUID] !== ours['table-uuid']) return refused('another table has its name there: drop or rename that one');
  const spec = remote['partition-specs'].find((each) => each['spec-id'] === remote['default-spec-id']);
  // Manifests and files have these ids in them.
  if (remote['default-spec-id'] !== partitionSpec['spec-id'] || JSON.stringify(partitionFieldsOf(spec)) !== JSON.stringify(partitionFieldsOf(partitionSpec))) {
    return refused('that catalog has given its partitions other ids than files have: it cannot keep this table');
  }
  const isSnapshotOurs = (snapshot: { readonly 'snapshot-id': number; readonly 'manifest-list'?: string }): boolean => snapshot['manifest-list']?.startsWith(`${location}/metadata/snap-${snapshot['snapshot-id']}-`) === true;
  const current = currentOf(remote);
  const snapshots = remote.snapshots ?? [];
  const currentSnapshot = snapshots.find((each) => each['snapshot-id'] === current);
  if (current !== undefined && (currentSnapshot === undefined || !isSnapshotOurs(currentSnapshot))) {
    return refused(`somebody else has written snapshot ${current} there: turn its maintenance (compaction) off, and drop the table there without its files; it is made anew then`);
  }
  const there = new Set(snapshots.map((each) => each['snapshot-id']));
  const kept = new Set(ours.snapshots.map((each) => each['snapshot-id']));
  const newest = ours.snapshots.at(-1);
  const isAhead = (snapshot: Snapshot): boolean => !there.has(snapshot['snapshot-id']) && snapshot['sequence-number'] > (remote['last-sequence-number'] ?? 0);
  const updates: unknown[] = [];
  if (!hasSchema(remote, schema.fields)) updates.push({ action: 'add-schema', schema, 'last-column-id': lastColumnId }, { action: 'set-current-schema', 'schema-id': -1 });
  // Catalogs refuse what is older than their last change by more than a minute: what comes there later than here has the time at which it comes.
  const updatedMs = remote['last-updated-ms'] ?? 0;
  for (const snapshot of ours.snapshots) if (isAhead(snapshot)) updates.push({ action: 'add-snapshot', snapshot: { ...snapshot, 'timestamp-ms': Math.max(snapshot['timestamp-ms'], updatedMs) } });
  if (newest !== undefined && newest['snapshot-id'] !== current) {
    if (!there.has(newest['snapshot-id']) && !isAhead(newest)) return refused(`it is at sequence number ${remote['last-sequence-number']} there, ahead of ours: drop the table there without its files; it is made anew then`);
    updates.push({ action: 'set-snapshot-ref', 'ref-name': MAIN, type: 'branch', 'snapshot-id': newest['snapshot-id'] });
  }
  // One at a time: older catalogs take no more.
  for (const each of snapshots) if (!kept.has(each['snapshot-id']) && isSnapshotOurs(each)) updates.push({ action: 'remove-snapshots', 'snapshot-ids': [each['snapshot-id']] });
  if (updates.length === 0) return { kind: 'same' };
  return {
    kind: 'commit',
    request: {
      requirements: [
        { type: 'assert-table-uuid', uuid: remote['table-uuid'] },
        { type: 'assert-ref-snapshot-id', ref: MAIN, 'snapshot-id': current ?? null },
      ],
      updates: updates as Updates,
    },
  };
}

function currentOf({ refs, 'current-snapshot-id': current }: RemoteTable): number | undefined {
  const id = refs?.[MAIN]?.['snapshot-id'] ?? current;
  return id === undefined || id === null || id === -1 ? undefined : id;
}

/** Whether the current schema has the columns that ours has, under the same ids. */
function hasSchema(remote: RemoteTable, fields: TableDefinition['schema']['fields']): boolean {
  const current = remote.schemas.find((each) => each['schema-id'] === remote['current-schema-id']);
  const columns = (list: readonly { readonly id: number; readonly name: string; readonly type: unknown }[]): string => JSON.stringify(list.map(({ id, name, type }) => [id, name, sortedJson(type)]));
  return current !== undefined && columns(current.fields) === columns(fields);
}

function partitionFieldsOf(spec: { readonly fields: readonly { readonly name: string; readonly transform: unknown }[] } | undefined): unknown {
  return spec?.fields.map((field) => {
    const { 'source-id': sourceId, 'field-id': fieldId, transform } = field as unknown as { readonly 'source-id': number; readonly 'field-id': number; readonly transform: string };
    return [sourceId, fieldId, transform];
  });
}

/** Nested types, whatever the order of their words. */
function sortedJson(type: unknown): unknown {
  if (typeof type !== 'object' || type === null) return type;
  return Object.fromEntries(Object.entries(type).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => [key, sortedJson(value)]));
}
