import { describe, expect, test } from 'vitest';
import { utf8Text } from '../../proto/utf8-text.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Behind a byte and in front of one that are not its own, twice: the second time it may be known. */
function decodedTwice(bytes: Uint8Array): string[] {
  const surrounded = Uint8Array.from([0x61, ...bytes, 0x62]);
  return [utf8Text(surrounded, 1, 1 + bytes.length), utf8Text(surrounded, 1, 1 + bytes.length)];
}

describe('a text comes back, however often', () => {
  const texts = ['', 'up', 'é', 'e\u0301', '\0', '\ufeffbom', '😀', 'x'.repeat(64), 'x'.repeat(65), `${'x'.repeat(63)}é`, `${'x'.repeat(62)}é`, 'y'.repeat(5000)];
  test.each(texts.map((text) => [text]))('%j', (text) => expect(decodedTwice(encoder.encode(text))).toEqual([text, text]));
});

test('bytes that are no UTF-8 are refused, also behind a text of as many', () => {
  for (const bytes of [[0xff], [0xc3], [0x61, 0x80], [0xed, 0xa0, 0x80]]) {
    utf8Text(encoder.encode('x'.repeat(bytes.length)), 0, bytes.length);
    expect(() => decodedTwice(Uint8Array.from(bytes))).toThrow(TypeError);
  }
});

test('random bytes of few kinds, more texts than are remembered: as the decoder says', () => {
  const random = new SeededRandom(1);
  let refused = 0;
  for (let i = 0; i < 30_000; i++) {
    const bytes = Uint8Array.from({ length: random.below(8) }, () => random.pick([0x61, 0x62, 0x63, 0x64, 0x65, 0x00, 0xc3, 0xa9]));
    let wanted: string | undefined;
    try {
      wanted = decoder.decode(bytes);
    } catch {
      refused++;
    }
    if (wanted === undefined) expect(() => decodedTwice(bytes)).toThrow(TypeError);
    else expect(decodedTwice(bytes)).toEqual([wanted, wanted]);
  }
  expect(refused).toBeGreaterThan(3_000);
});
