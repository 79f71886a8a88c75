import { KIB, MIB } from './units.ts';

/** The bounds of a shard's group commit: a part of LIMITS (limits.ts). */
export const GROUP_COMMIT_LIMITS = {
  /** Batches that arrived behind an open commit and are written in one turn, in as few WAL rows as they fit in. */
  groupCommitBatchesMax: 64,
  /**
   * Messages of batches that have no answer yet: 400 common ones, or half a second at a shard's full speed, which is longer than commits and seals
   * take. With more, senders are asked to come again; a message that is alone is taken.
   */
  groupCommitBytesMax: 16 * MIB,
  /** What a call that waits for its commit takes beside its message. */
  groupCommitCallBytes: 1 * KIB,
  /** How often a group that waits for company looks who has come. Two looks in vain end the wait: about what a Worker takes for a request, which may be on its way. */
  groupCommitLingerLookMs: 1,
  /** It waits no longer than this in all, which is little beside a commit in production and beside what a sender's network takes. */
  groupCommitLingerMsMax: 4,
  /** Larger groups wait for nobody: with eight batches a row, one more saves less than 2 % of a row for each of them. */
  groupCommitLingerBatchesMax: 8,
  /** Groups in a row that go at once when company was waited for in vain, again and again, or without hoping for more: what is learnt wrongly then costs 1 % at the most. */
  groupCommitLingerPauseGroupsMax: 64,
} as const;
