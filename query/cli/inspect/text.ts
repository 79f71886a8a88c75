/* How numbers, times and tables look in what `inspect` prints. */

export function count(number: number): string {
  return number.toLocaleString('en-US');
}

/** `1 file`, `2 files`. */
export function counted(number: number, noun: string): string {
  return `${count(number)} ${noun}${number === 1 ? '' : 's'}`;
}

export function timeText(timeMs: number): string {
  return Number.isFinite(timeMs) && Math.abs(timeMs) <= 8.64e15 ? new Date(timeMs).toISOString() : String(timeMs);
}

/** Rows under a head, columns as wide as they must be; numbers, which have a digit in front, to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], indent: string): string[] {
  const all = [head, ...rows];
  const widths = head.map((_, column) => all.reduce((widest, row) => Math.max(widest, row[column]!.length), 0));
  const isNumber = head.map((_, column) => rows.length > 0 && rows.every((row) => /^(-?\d[\d,.]*( %)?)?$/.test(row[column]!)));
  return all.map((row) => `${indent}${row.map((text, column) => (isNumber[column] ? text.padStart(widths[column]!) : text.padEnd(widths[column]!))).join('  ')}`.trimEnd());
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
