import { describe, expect, test } from 'vitest';
import { ArchiveFiles } from '../../../../storage/catalog/archive-files.ts';
import { archiveStatus } from '../../../../storage/catalog/archive-status.ts';
import { CATALOG_RPC_VERSION } from '../../../../storage/catalog/catalog-api.ts';
import { migrateCatalog } from '../../../../storage/catalog/catalog-schema.ts';
import { RecoveryState } from '../../../../storage/catalog/recovery/recovery-state.ts';
import { ShardCallStore } from '../../../../storage/catalog/shard-call-store.ts';
import { LIMITS } from '../../../../storage/runtime/limits.ts';
import { NodeSql } from '../../../fakes/node-sql.ts';

const SHARD = '1/0';

function open() {
  const sql = new NodeSql();
  migrateCatalog(sql);
  const files = new ArchiveFiles(sql, LIMITS);
  /** A shard's flush that brings no file. */
  const commit = (sequence: number): void => void files.commit({ version: CATALOG_RPC_VERSION, shard: SHARD, sequence, files: [], archivedUntilMs: undefined }, 100);
  return { state: new RecoveryState(sql), calls: new ShardCallStore(sql), commit, lostMs: () => archiveStatus(sql).commitsLostMs };
}

describe('the end of a look', () => {
  test('finds what was lost when it began', () => {
    const { state, commit, lostMs } = open();
    commit(3);
    const lost = state.lost();
    expect([lost, lostMs()]).toEqual([[{ shard: SHARD, afterFlush: 0, times: 1 }], 100]);
    state.finish(lost, 1000, 5000);
    expect([state.lost(), state.nextLookMs, lostMs()]).toEqual([[], 5000, undefined]);
  });

  test('and not what its shard has lost meanwhile: that is looked for at once', () => {
    const { state, commit } = open();
    commit(3);
    const lost = state.lost();
    commit(6);
    state.finish(lost, 1000, 5000);
    expect(state.lost()).toEqual([{ shard: SHARD, afterFlush: 0, times: 2 }]);
    expect(state.nextLookMs).toBeUndefined();
  });
});

describe('a shard says that more of it is in files than the catalog knows', () => {
  test('before anybody has looked: they are looked for, and it is asked again behind that', () => {
    const { state, calls, commit } = open();
    commit(1);
    state.finish([], 0, 5000);
    state.noteSaid(SHARD, 7000, false);
    expect([state.lost(), state.nextLookMs]).toEqual([[{ shard: SHARD, afterFlush: 1, times: 1 }], undefined]);
    expect(calls.next(LIMITS)).toMatchObject({ shard: SHARD, dueMs: -Infinity });
  });

  test('behind a look: it is taken at its word, once', () => {
    const { state, calls, commit } = open();
    commit(1);
    state.finish([], 0, 5000);
    state.noteSaid(SHARD, 7000, true);
    // What is known by now is no news.
    state.noteSaid(SHARD, 7000, false);
    expect([state.lost(), state.nextLookMs, calls.next(LIMITS)]).toEqual([[], 5000, undefined]);
  });
});
