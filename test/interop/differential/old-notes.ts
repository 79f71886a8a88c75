/* What 3.5 says in warnings and infos in other words than 3.14, or does not say yet. */

/** Since 3.12 and 3.7. */
const NEW = [
  'PromQL warning: sort is ineffective for range queries since results are always ordered by labels',
  'PromQL warning: conflicting counter resets during histogram',
];

const REWORDED: readonly (readonly [text: RegExp, common: string])[] = [
  // Where there is no metric name, it is no longer said that it is "".
  [/ for metric name ""/g, ''],
  // Which buckets were repaired, by how much and when: since 3.10.
  [/, from buckets .* with a max diff of .* over \d+ samples from \S+ to \S+/g, ''],
  // NaN observations: the place is that of the histogram, no longer that of the quantile or of the lower bound.
  [/^(PromQL info: input to histogram_(?:quantile|fraction) has NaN observations.*) \(\d+:\d+\)$/g, '$1'],
  // Where an aggregation's argument is in parentheses, the place is what they hold.
  [/^(PromQL (?:info: ignored histogram in \w+ aggregation|warning: vector contains a mix of histograms|warning: encountered a mix of histograms and floats for aggregation).*) \(\d+:\d+\)$/g, '$1'],
];

/** The notes in words that are the same of both versions. */
export function commonNotes(notes: readonly string[]): string[] {
  const reworded = notes.filter((note) => !NEW.some((start) => note.startsWith(start))).map((note) => REWORDED.reduce((text, [old, common]) => text.replace(old, common), note));
  return [...new Set(reworded)].sort();
}
