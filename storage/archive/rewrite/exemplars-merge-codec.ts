import { mergeExemplars, type Exemplar } from '../../shard/select/select-exemplars.ts';
import { ExemplarsFileReader } from '../files/exemplars-file-reader.ts';
import { ExemplarsFileWriter } from '../files/exemplars-file-writer.ts';
import type { MergeCodec } from './merge-codec.ts';

/** Exemplars of one time may be several; those that are the same in all become one. */
export const EXEMPLARS_MERGE_CODEC: MergeCodec<readonly Exemplar[]> = {
  open: (store, ref) => ExemplarsFileReader.open(store, ref),
  writer: (limits, keyValues) => new ExemplarsFileWriter(limits, keyValues),
  join: (parts) => (parts.length === 1 ? parts[0]! : mergeExemplars(parts.map((exemplars) => ({ labels: [], exemplars })))[0]!.exemplars),
  lengthOf: (exemplars) => exemplars.length,
};
