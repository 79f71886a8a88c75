import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** `st_blocks` counts units of 512 bytes, whatever the file system's own block size is (stat(2)). */
const BLOCK_BYTES = 512;

/** What a folder takes on the disk, as `du` counts it: holes are free, space set aside is not. */
export function diskUsageBytes(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += lstatSync(join(entry.parentPath, entry.name)).blocks * BLOCK_BYTES;
  }
  return bytes;
}
