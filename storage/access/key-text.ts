import { assert } from '../runtime/assert.ts';
import type { Random } from '../runtime/random.ts';

/*
 * A key as its holder has it: vrv_<id>_<secret>_<check>, 67 characters.
 *
 * The id is public and finds the row; the secret has 256 bits; the check is the CRC-32 of all before it. With the prefix it lets scanners of
 * code and logs recognise a key exactly, and lets us refuse typos and nonsense without asking any object.
 */
export const KEY_PREFIX = 'vrv_';
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const ID_LENGTH = 12;
/** 62 ** 43 is a little more than 2 ** 256. */
const SECRET_LENGTH = 43;
/** 62 ** 6 is more than 2 ** 32. */
const CHECK_LENGTH = 6;
const KEY = new RegExp(`^(vrv_([0-9A-Za-z]{${ID_LENGTH}})_[0-9A-Za-z]{${SECRET_LENGTH}}_)([0-9A-Za-z]{${CHECK_LENGTH}})$`);

export interface NewKey {
  readonly id: string;
  /** The whole key. */
  readonly text: string;
}

export function newKey(random: Random): NewKey {
  const id = randomText(random, ID_LENGTH);
  const body = `${KEY_PREFIX}${id}_${randomText(random, SECRET_LENGTH)}_`;
  return { id, text: body + checkOf(body) };
}

/** The id in a key, `undefined` where the text is none. */
export function keyId(text: string): string | undefined {
  const parts = KEY.exec(text);
  if (parts === null || checkOf(parts[1]!) !== parts[3]) return undefined;
  return parts[2];
}

/** Whether a text has the form of an id. */
export function isKeyId(text: string): boolean {
  return new RegExp(`^[0-9A-Za-z]{${ID_LENGTH}}$`).test(text);
}

/** All characters are equally likely: bytes that would favour the first ones are drawn again. */
function randomText(random: Random, length: number): string {
  const fair = 256 - (256 % ALPHABET.length);
  const bytes = new Uint8Array(length * 2);
  let text = '';
  while (text.length < length) {
    random.fill(bytes);
    for (const byte of bytes) {
      if (byte < fair && text.length < length) text += ALPHABET[byte % ALPHABET.length];
    }
  }
  return text;
}

function checkOf(body: string): string {
  let rest = crc32(body);
  let text = '';
  for (let i = 0; i < CHECK_LENGTH; i++) {
    text = ALPHABET[rest % ALPHABET.length]! + text;
    rest = Math.floor(rest / ALPHABET.length);
  }
  assert(rest === 0, 'a CRC-32 fits the check');
  return text;
}

/** CRC-32 (IEEE 802.3) of ASCII text, bit by bit: sixty characters need no table. */
function crc32(text: string): number {
  let crc = 0xffffffff;
  for (let i = 0; i < text.length; i++) {
    crc ^= text.charCodeAt(i);
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  }
  return (crc ^ 0xffffffff) >>> 0;
}
