import { expect, test } from 'vitest';
import { xxhash64 } from '../../../storage/model/xxhash64.ts';

test('XXH64', () => {
  const f = (text: string, hash: bigint): void => expect(xxhash64(new TextEncoder().encode(text))).toBe(hash);
  f('', 0xef46db3751d8e999n);
  f('a', 0xd24ec4f1a98c6e5bn);
  f('as', 0x1c330fb2d66be179n);
  f('asd', 0x631c37ce72a97393n);
  f('asdf', 0x415872f599cea71en);
  // More than 32 bytes, and ends of 8, 4 and single bytes.
  f('Call me Ishmael. Some years ago--never mind how long precisely-', 0x02a2e85470d6fd96n);
});
