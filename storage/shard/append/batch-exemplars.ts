import { DecodeError } from '../../../proto/decode-error.ts';
import { signedVarint, type ByteReader } from '../../../proto/varint.ts';
import { ColumnWriter, decodeLabels, encodeLabels, TIMESTAMP_MS_MAX } from '../../chunk/index.ts';
import type { Labels } from '../../model/labels.ts';

/** An exemplar of one of a batch's series: a single observation with labels of its own, mostly a trace id. */
export interface BatchExemplar {
  /** Position in the batch. */
  readonly series: number;
  readonly timestampMs: number;
  readonly bitsLow: number;
  readonly bitsHigh: number;
  readonly labels: Labels;
}

/** Writes one as: varint series │ signed timestamp, ms │ 8 bytes value │ labels (chunk/labels-codec.ts). */
export function encodeExemplar(exemplar: BatchExemplar, out: ColumnWriter): void {
  out.unsigned(exemplar.series);
  out.signed(exemplar.timestampMs);
  out.uint32(exemplar.bitsLow);
  out.uint32(exemplar.bitsHigh);
  out.append(encodeLabels(exemplar.labels));
}

/** All up to the reader's end; throws DecodeError on one that names no series of the batch or cannot be stored. */
export function decodeExemplars(reader: ByteReader, seriesCount: number): BatchExemplar[] {
  const exemplars: BatchExemplar[] = [];
  while (!reader.done) {
    const series = reader.varint();
    if (series >= seriesCount) throw new DecodeError(`exemplar of series ${series} of ${seriesCount}`);
    const timestampMs = signedVarint(reader);
    if (Math.abs(timestampMs) > TIMESTAMP_MS_MAX) throw new DecodeError(`exemplar: the timestamp ${timestampMs} cannot be stored`);
    exemplars.push({ series, timestampMs, bitsLow: reader.uint32(), bitsHigh: reader.uint32(), labels: decodeLabels(reader) });
  }
  return exemplars;
}
