import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { isKeyId, keyId, newKey } from '../../../storage/access/key-text.ts';
import type { Random } from '../../../storage/runtime/random.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';

const key = newKey(new SeededRandom(1));

test('a key has its prefix, id, 256 bits and check', () => {
  expect(key.text).toMatch(/^vrv_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}$/);
  expect(key.text.slice(4, 16)).toBe(key.id);
  expect([keyId(key.text), isKeyId(key.id), isKeyId(key.text)]).toEqual([key.id, true, false]);
  expect(62 ** 43).toBeGreaterThan(2 ** 256);
});

test('the check is the CRC-32 that everybody knows', () => {
  const body = 'vrv_000000000000_0000000000000000000000000000000000000000000_';
  const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  let rest = crc32(body);
  let check = '';
  for (let i = 0; i < 6; i++, rest = Math.floor(rest / 62)) check = alphabet[rest % 62]! + check;
  expect(keyId(body + check)).toBe('000000000000');
});

test('any one character changed, and any cut, is no key', () => {
  for (let i = 0; i < key.text.length; i++) {
    const changed = key.text[i] === 'x' ? 'y' : 'x';
    expect(keyId(key.text.slice(0, i) + changed + key.text.slice(i + 1)), `at ${i}`).toBeUndefined();
    expect(keyId(key.text.slice(0, i))).toBeUndefined();
  }
  for (const text of [`${key.text}x`, ` ${key.text}`, `${key.text}\n`, key.text.toUpperCase(), '']) expect(keyId(text)).toBeUndefined();
});

test('all characters are equally likely', () => {
  const random = new SeededRandom(2);
  const counts = new Map<string, number>();
  for (let i = 0; i < 2000; i++) {
    for (const character of newKey(random).text.slice(17, 60)) counts.set(character, (counts.get(character) ?? 0) + 1);
  }
  expect(counts.size).toBe(62);
  // 86,000 draws: 1,387 each, with a standard deviation of 37.
  for (const [character, count] of counts) expect(Math.abs(count - 1387), character).toBeLessThan(5 * 37);
});

test('bytes that would favour some characters are drawn again', () => {
  let calls = 0;
  const random: Random = { fill: (bytes) => bytes.fill(++calls % 2 === 1 ? 255 : 247) };
  // 247 is the last fair byte: 61 of 62.
  expect(newKey(random).id).toBe('zzzzzzzzzzzz');
});
