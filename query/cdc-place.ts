/** A place in the feeds of all shards: a sequence for each, joined by commas. It is what `Last-Event-ID` brings back. */
export function formatPlace(cursors: readonly number[]): string {
  return cursors.join(',');
}

/** Undefined when it is none, or one of another number of shards. */
export function parsePlace(text: string, shardCount: number): number[] | undefined {
  if (!/^\d{1,15}(?:,\d{1,15})*$/.test(text)) return undefined;
  const cursors = text.split(',').map(Number);
  return cursors.length === shardCount ? cursors : undefined;
}
