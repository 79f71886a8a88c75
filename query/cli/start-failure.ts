import { statfsSync } from 'node:fs';
import { UsageError } from './usage-error.ts';

/** A Varve without data takes less than 1 MB, and each database another 32 KiB of shared memory while it is open. */
const ROOM_BYTES_MIN = 16 * 1024 * 1024;

/** What to say when workerd has not started: of a full disk it knows no more than that some I/O failed. `roomBytes` are left where the data is. */
export function startFailure(error: unknown, dataDir: string, roomBytes = roomBytesOf(dataDir)): unknown {
  if (roomBytes >= ROOM_BYTES_MIN) return error;
  return new UsageError(`workerd cannot start with ${roomBytes} bytes left on the disk of ${dataDir}; make room, or set DATA_DIR to another directory`);
}

function roomBytesOf(path: string): number {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
}
