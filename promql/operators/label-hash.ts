import type { Labels } from '../../storage/model/labels.ts';

/**
 * A number in [0, 1) that depends on nothing but the labels and is spread evenly over label sets: which series limit_ratio keeps.
 * Two 32-bit multiply-xor hashes (as in MurmurHash3's finish) give the 53 bits of a double.
 */
export function labelHashFraction(labels: Labels): number {
  let high = 0x9e3779b9;
  let low = 0x85ebca6b;
  for (const part of labels) {
    for (let i = 0; i < part.length; i++) {
      const unit = part.charCodeAt(i);
      high = Math.imul(high ^ unit, 0x01000193);
      low = Math.imul(low ^ unit, 0xcc9e2d51);
      low = (low << 13) | (low >>> 19);
    }
    // Ends each part, so that characters cannot move from one to the next.
    high = Math.imul(high ^ 0x10000, 0x01000193);
    low = Math.imul(low ^ 0x10000, 0xcc9e2d51);
  }
  const highBits = finish(high ^ low) >>> 5;
  const lowBits = finish(low ^ Math.imul(high, 0x27d4eb2f)) >>> 6;
  return (highBits * 2 ** 26 + lowBits) / 2 ** 53;
}

function finish(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
