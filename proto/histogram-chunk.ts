import { BitWriter } from './bit-writer.ts';

/** A native histogram with float counts, as remote read carries it: buckets hold absolute counts, one for each bucket of the spans. */
export interface ReadHistogram {
  readonly counterResetHint: 'unknown' | 'reset' | 'not-reset' | 'gauge';
  readonly schema: number;
  readonly zeroThreshold: number;
  readonly zeroCount: number;
  readonly count: number;
  readonly sum: number;
  readonly positiveSpans: readonly { readonly offset: number; readonly length: number }[];
  readonly negativeSpans: readonly { readonly offset: number; readonly length: number }[];
  readonly positiveBuckets: readonly number[];
  readonly negativeBuckets: readonly number[];
  readonly customValues: readonly number[];
}

const CUSTOM_SCHEMA = -53;
const RESET_HEADER = { unknown: 0, 'not-reset': 0b01, reset: 0b10, gauge: 0b11 } as const;
/** Widths of Prometheus' variable-bit integers; each has one bit more in its prefix of ones. */
const WIDTHS = [3, 6, 9, 12, 18, 25, 56] as const;
/** Custom bounds with at most three decimals up to this are written as whole thousandths. */
const CUSTOM_THOUSANDTHS_MAX = 33_554_430;

/**
 * Prometheus' chunk of float histograms (`tsdb/chunkenc/float_histogram.go`, FORMAT.md beside this file), with a single sample in it. A
 * chunk of several holds only histograms of one layout and no counter reset between them; one of each is always right, and takes about 40
 * bytes more a sample.
 */
export function encodeHistogramChunk(histogram: ReadHistogram, timestampMs: number, out: BitWriter): Uint8Array<ArrayBuffer> {
  out.clear();
  out.write(1, 16);
  out.write(RESET_HEADER[histogram.counterResetHint], 2);
  out.write(0, 6);
  writeZeroThreshold(out, histogram.zeroThreshold);
  writeInteger(out, histogram.schema);
  writeSpans(out, histogram.positiveSpans);
  writeSpans(out, histogram.negativeSpans);
  if (histogram.schema === CUSTOM_SCHEMA) writeCustomBounds(out, histogram.customValues);
  writeInteger(out, timestampMs);
  for (const value of [histogram.count, histogram.zeroCount, histogram.sum, ...histogram.positiveBuckets, ...histogram.negativeBuckets]) out.double(value);
  return out.finish();
}

/** A power of two is one byte, anything else eight more. */
function writeZeroThreshold(out: BitWriter, threshold: number): void {
  if (threshold === 0) {
    out.write(0, 8);
    return;
  }
  const exponent = Math.round(Math.log2(threshold)) + 1;
  if (threshold === 2 ** (exponent - 1) && exponent >= -242 && exponent <= 11) out.write(exponent + 243, 8);
  else {
    out.write(255, 8);
    out.double(threshold);
  }
}

function writeSpans(out: BitWriter, spans: ReadHistogram['positiveSpans']): void {
  writeUnsigned(out, spans.length);
  for (const { offset, length } of spans) {
    writeUnsigned(out, length);
    writeInteger(out, offset);
  }
}

function writeCustomBounds(out: BitWriter, bounds: readonly number[]): void {
  writeUnsigned(out, bounds.length);
  for (const bound of bounds) {
    const thousandths = Math.round(bound * 1000);
    // Readers divide: it must come out as the same bound.
    if (thousandths <= CUSTOM_THOUSANDTHS_MAX && bound >= 0 && thousandths / 1000 === bound) writeUnsigned(out, thousandths + 1);
    else {
      out.write(0, 1);
      out.double(bound);
    }
  }
}

/** A width of n bits holds -(2^(n-1) - 1) to 2^(n-1). */
function writeInteger(out: BitWriter, value: number): void {
  writeVariable(out, value, (width) => value >= 1 - 2 ** (width - 1) && value <= 2 ** (width - 1));
}

function writeUnsigned(out: BitWriter, value: number): void {
  writeVariable(out, value, (width) => value < 2 ** width);
}

function writeVariable(out: BitWriter, value: number, fits: (width: number) => boolean): void {
  if (value === 0) {
    out.write(0, 1);
    return;
  }
  const index = WIDTHS.findIndex(fits);
  const width = WIDTHS[index] ?? 64;
  // Ones, and a zero behind them but for the widest.
  if (width === 64) out.write(0xff, 8);
  else out.write(2 ** (index + 2) - 2, index + 2);
  if (width > 32) out.writeLong(value, width);
  else out.write(value, width);
}
