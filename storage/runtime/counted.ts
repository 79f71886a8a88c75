/** `1 sample`, `2 samples`: for messages, and nouns whose plural is an s more. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
