import { TIMESTAMP_MS_MAX } from '../chunk/timestamps.ts';
import type { Labels } from '../model/labels.ts';
import { lowerBound, mergeParts, type Part } from '../shard/run/piece.ts';
import type { SeriesPage, StoredSample } from '../shard/select/read-series.ts';
import { documentId } from './documents.ts';
import { roleOf } from './keys.ts';
import type { StoreArchive } from './store-archive.ts';
import type { Parts } from './store-engine.ts';
import type { StoredValue } from './value.ts';

/*
 * How a series of a store is read: the archive has what lies before the hot tier's floor, the hot tier the rest, and over both lies what came
 * late and waits (late-values.ts). What is at hand is answered within one turn; only what has to come out of files is waited for. What waits
 * is looked at first: when it moves meanwhile, it is in files as well, and is not missed.
 */
const utf8 = new TextDecoder();

/** What the archive has of a stretch of a series, which may be nothing. Times are Unix ms, both inclusive. */
interface ArchivedStretch {
  readonly archive: StoreArchive;
  readonly fromMs: number;
  readonly toMs: number;
  /** From here on the hot tier has it. */
  readonly hotFromMs: number;
}

/**
 * A page of a series (ms, both inclusive), out of the archive where it lies before what the hot tier has whole, and then not at hand. Values
 * past their retention are not read.
 */
export function readPage(parts: Parts, labels: Labels, startMs: number, endMs: number, samplesMax: number): SeriesPage | undefined | Promise<SeriesPage | undefined> {
  const { archive } = parts;
  const late = archive?.late.within(labels, Math.max(startMs, lateFromMs(archive, labels)), endMs);
  const page = readMovedOrHot(parts, labels, startMs, endMs, samplesMax);
  if (late === undefined) return page;
  return page instanceof Promise ? page.then((read) => withLate(read, late, endMs)) : withLate(page, late, endMs);
}

/** The same of what has not moved. */
export function readHotPage({ hot }: Parts, labels: Labels, startMs: number, endMs: number, samplesMax: number): SeriesPage | undefined {
  const ref = hot.refOf(labels);
  return ref === undefined ? undefined : hot.readSeries(ref, startMs, endMs, samplesMax);
}

/** The value that a series had at a time: at once, unless it is in the archive. */
export function valueAt(parts: Parts, labels: Labels, timeMs: number): StoredValue | undefined | Promise<StoredValue | undefined> {
  const { archive } = parts;
  const late = archive?.late.lastWithin(labels, lateFromMs(archive, labels), timeMs);
  const inHot = lastHotSample(parts, labels, timeMs);
  if (inHot !== undefined) return storedValue(parts, newer(inHot, late));
  const value = storedValue(parts, late);
  const moved = archivedStretch(parts, labels, late === undefined ? -TIMESTAMP_MS_MAX : late.timestampMs + 1, timeMs);
  if (moved === undefined || moved.fromMs > moved.toMs) return value;
  return moved.archive.reader.lastSampleAt(labels, moved.fromMs, moved.toMs).then((sample) => {
    if (sample === undefined) return value;
    return sample.payload === undefined ? { kind: 'number', number: sample.value } : { kind: 'document', text: utf8.decode(sample.payload) };
  });
}

/** The newest sample at or before a time, of those at hand: what has moved is not among them. */
export function lastSampleAtHand(parts: Parts, labels: Labels, timeMs: number): StoredSample | undefined {
  const { archive } = parts;
  return newer(lastHotSample(parts, labels, timeMs), archive?.late.lastWithin(labels, lateFromMs(archive, labels), timeMs));
}

/** The value behind a sample that is at hand; undefined when there is none. */
export function storedValue(parts: Parts, sample: StoredSample | undefined): StoredValue | undefined {
  if (sample === undefined) return undefined;
  const id = documentId(sample.bitsLow, sample.bitsHigh);
  if (id === undefined) return { kind: 'number', number: sample.value };
  const text = documentText(parts, sample.timestampMs, id);
  return text === undefined ? undefined : { kind: 'document', text };
}

/** JSON of a value that is a document; `undefined` when it is gone. */
export function documentText({ documents, archive }: Parts, timestampMs: number, id: number): string | undefined {
  return documents.read(timestampMs, id) ?? archive?.lateDocuments.read(id);
}

function lastHotSample({ hot }: Parts, labels: Labels, timeMs: number): StoredSample | undefined {
  const ref = hot.refOf(labels);
  return ref === undefined ? undefined : hot.lastSampleAt(ref, timeMs);
}

/** Of equal times the late one: it came when the hot tier took none any more. */
function newer(hot: StoredSample | undefined, late: StoredSample | undefined): StoredSample | undefined {
  return hot === undefined || (late !== undefined && late.timestampMs >= hot.timestampMs) ? late : hot;
}

function readMovedOrHot(parts: Parts, labels: Labels, startMs: number, endMs: number, samplesMax: number): SeriesPage | undefined | Promise<SeriesPage | undefined> {
  const moved = archivedStretch(parts, labels, startMs, endMs);
  if (moved === undefined) return readHotPage(parts, labels, startMs, endMs, samplesMax);
  const { archive, fromMs, hotFromMs, toMs } = moved;
  const isLast = hotFromMs > endMs;
  if (fromMs > toMs) return isLast ? undefined : readHotPage(parts, labels, hotFromMs, endMs, samplesMax);
  return archive.reader.readPage(labels, fromMs, toMs).then((page) => ({ ...page, nextStartMs: page.nextStartMs ?? (isLast ? undefined : hotFromMs) }));
}

/** What of a stretch of a series is in the archive. Undefined when the hot tier has all of it. */
function archivedStretch({ hot, archive }: Parts, labels: Labels, startMs: number, endMs: number): ArchivedStretch | undefined {
  const hotFromMs = hot.floorMs;
  const { key, rollup } = roleOf(labels);
  const retainedFromMs = archive?.retainedFromMs(rollup === undefined ? 'raw' : 'rollup') ?? -Infinity;
  if (archive === undefined || startMs >= Math.max(hotFromMs, retainedFromMs)) return undefined;
  const known = hotFromMs === -Infinity ? undefined : archive.keys.of(key);
  const keyFromMs = known === undefined ? Infinity : Math.max(known.oldestMs, rollup === undefined ? known.floorMs : -Infinity);
  const toMs = Math.min(endMs, hotFromMs - 1, known?.newestMs ?? -Infinity);
  return { archive, fromMs: Math.max(startMs, keyFromMs, retainedFromMs), toMs, hotFromMs: Math.max(hotFromMs, retainedFromMs, startMs) };
}

/** Late samples of a series before this are not read: they are past their retention, or a compaction has come behind them. */
function lateFromMs(archive: StoreArchive, labels: Labels): number {
  if (archive.late.sampleCount === 0) return Infinity;
  const { key, rollup } = roleOf(labels);
  const keyFromMs = rollup === undefined ? (archive.keys.of(key)?.floorMs ?? -Infinity) : -Infinity;
  return Math.max(archive.retainedFromMs(rollup === undefined ? 'raw' : 'rollup'), keyFromMs);
}

/** A page with the late samples of its time. */
function withLate(page: SeriesPage | undefined, late: Part, endMs: number): SeriesPage {
  const { nextStartMs } = page ?? {};
  const to = lowerBound(late.timestampsMs, nextStartMs ?? endMs + 1);
  if (to === 0 && page !== undefined) return page;
  const own = page === undefined ? [] : [{ timestampsMs: page.timestampsMs, bits: page.valueBits, payloads: page.payloads, startsMs: page.startsMs, from: 0, to: page.timestampsMs.length, hasStale: false }];
  const merged = mergeParts([...own, { ...late, to }]);
  const valueBits = merged.bits.slice(0, merged.to * 2);
  return { timestampsMs: merged.timestampsMs.slice(0, merged.to), values: new Float64Array(valueBits.buffer), valueBits, payloads: merged.payloads, startsMs: merged.startsMs?.slice(0, merged.to), nextStartMs };
}
