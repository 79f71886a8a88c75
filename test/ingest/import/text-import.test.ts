import { expect, test } from 'vitest';
import { quoteLine } from '../../../ingest/import/text-import.ts';

/** As a message quotes a line that has others behind it. */
function quoted(line: string): string {
  const bytes = new TextEncoder().encode(`before\n${line}\nbehind`);
  return quoteLine(bytes, 7, bytes.length - 7);
}

test('of a bad line the first 80 bytes are quoted', () => {
  const whole = 'x'.repeat(80);
  expect(quoted('up{')).toBe('"up{"');
  expect(quoted(whole)).toBe(`"${whole}"`);
  expect(quoted(`${whole}y`)).toBe(`"${whole}…"`);
  expect(quoted(`"\n${'é'.repeat(40)}`)).toBe(`"\\"\\n${'é'.repeat(39)}…"`);
});
