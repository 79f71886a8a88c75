import { LineSplitter } from '../../proto/line-splitter.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import type { LineFormat, ImportContext } from './text-import.ts';

export interface ImportRun {
  readonly pieces: AsyncIterable<Uint8Array>;
  readonly format: LineFormat;
  readonly context: ImportContext;
  readonly shards: TenantShards;
  /** Hears how many samples each sending has stored, and may take its time. */
  readonly flushed: (samples: number) => Promise<void>;
}

/**
 * Feeds a body to a format, piece by piece. Whenever enough has been collected it is sent, and nothing more is read until the shards have
 * it: memory stays what it is however long the body, and a shard that is slow slows its sender down.
 *
 * What is wrong with the body or the storage half-way ends the import, and the error says how far it came: what came before is stored, and
 * sending all of it again changes nothing.
 */
export async function runImport({ pieces, format, context, shards, flushed }: ImportRun): Promise<void> {
  const { batches, limits } = context;
  const splitter = new LineSplitter(format, limits.importLineBytesMax);
  const flush = async (): Promise<void> => {
    const before = batches.stored.samples + batches.lateSamples;
    await format.flush(shards);
    await batches.flush();
    await flushed(batches.stored.samples + batches.lateSamples - before);
  };
  let failure: unknown;
  try {
    for await (const piece of pieces) {
      splitter.push(piece);
      if (batches.isLarge || format.isLarge) await flush();
    }
    splitter.end();
  } catch (error) {
    failure = error;
  }
  format.end();
  // What was whole before the body broke off is kept; after a storage error this is most likely to fail in the same way.
  await flush().catch((error: unknown) => (failure ??= error));
  if (failure === undefined) return;
  if (!(failure instanceof VarveError)) throw failure;
  const storedCount = batches.stored.samples + batches.lateSamples;
  // A body that was refused as it is (its encoding, say) had better not be sent again.
  if (splitter.lineCount + storedCount === 0) throw failure;
  const progress = `${splitter.lineCount} lines were read and ${storedCount} samples stored before; sending all of it again is harmless`;
  const { kind, message, retryAfterSeconds } = failure;
  throw new VarveError(kind, `${message} (${progress})`, { cause: failure, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) });
}
