import type { LineSink } from '../../proto/line-splitter.ts';
import type { Labels } from '../../storage/model/labels.ts';
import type { LIMITS } from '../../storage/runtime/limits.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import type { Rejections } from '../rejections.ts';
import { normalizeLabels, type Invalid } from '../validate.ts';
import { ImportSeries, type ImportBatches } from './import-batches.ts';

/** What an import of any line format works with. */
export interface ImportContext {
  readonly batches: ImportBatches;
  readonly rejections: Rejections;
  readonly limits: typeof LIMITS;
  /** For lines without a timestamp, Unix ms. */
  readonly defaultTimestampMs: number;
  /** Set on every series, name and value in turn; they win over what a line says. */
  readonly extraLabels: readonly string[];
}

/** A format of lines: takes them one by one, and puts what they say into the batches of its context. */
export interface LineFormat extends LineSink {
  /** Whether so much has been collected beside the batches that it should be sent before more is. */
  readonly isLarge: boolean;
  /** The text has ended. */
  end(): void;
  /** Sends what is not a sample and can only be sent asynchronously. */
  flush(shards: TenantShards): Promise<void>;
}

/** The series of labels as they were sent, with the extra ones put in; or why it is none. */
export function importSeries(raw: readonly string[], context: ImportContext): ImportSeries | Invalid {
  const labels = importLabels(raw, context);
  return 'invalid' in labels ? labels : new ImportSeries(labels);
}

function importLabels(raw: readonly string[], { extraLabels, limits }: ImportContext): Labels | Invalid {
  if (extraLabels.length === 0) return normalizeLabels(raw, limits);
  const names = new Set(extraLabels.filter((_, i) => i % 2 === 0));
  const kept = raw.filter((_, i) => !names.has(raw[i - (i % 2)]!));
  return normalizeLabels([...kept, ...extraLabels], limits);
}

/** Bytes of a bad line that are quoted. */
const QUOTED_BYTES = 80;

const lossyText = new TextDecoder();

/** The beginning of a line, as it may stand in a message. */
export function quoteLine(bytes: Uint8Array, start: number, end: number): string {
  const text = lossyText.decode(bytes.subarray(start, Math.min(end, start + QUOTED_BYTES)));
  return JSON.stringify(end - start > QUOTED_BYTES ? `${text}…` : text);
}

export function rejectTooLong(number: number, { rejections, limits }: ImportContext): void {
  rejections.add('bad-data', 1, () => `line ${number} is longer than the limit importLineBytesMax of ${limits.importLineBytesMax} bytes`);
}
