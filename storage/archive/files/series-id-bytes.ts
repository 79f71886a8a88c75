import type { Labels } from '../../model/labels.ts';
import type { SeriesHasher } from '../../model/series-id.ts';

/** A series' id as files have it: its three words, little-endian. */
export function seriesIdBytes(hasher: SeriesHasher, labels: Labels): Uint8Array {
  hasher.hashLabels(labels);
  const id = new Uint8Array(12);
  const view = new DataView(id.buffer);
  for (let word = 0; word < 3; word++) view.setUint32(word * 4, hasher.words[word]!, true);
  return id;
}
