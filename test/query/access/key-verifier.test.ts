import { expect, test } from 'vitest';
import { KeyVerifier } from '../../../query/access/key-verifier.ts';
import { digestOf } from '../../../storage/access/digest.ts';
import { keyId, newKey } from '../../../storage/access/key-text.ts';
import type { KeyRecord, KeyringApi } from '../../../storage/access/keyring-api.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { FixedClock } from '../../fakes/fixed-clock.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';

/** A keyring whose answers to "was there ever a key" come when the test gives them. */
function slowKeyring() {
  const waiting: ((answer: boolean) => void)[] = [];
  const stub = { hasHadKeys: () => new Promise<boolean>((resolve) => waiting.push(resolve)) } as Partial<KeyringApi> as KeyringApi;
  const clock = new FixedClock(0);
  return { verifier: new KeyVerifier(() => stub, clock), clock, answer: (had: boolean) => waiting.shift()!(had), waiting };
}

test('"no keys yet" is believed for a while, "keys" for ever', async () => {
  const { verifier, clock, answer, waiting } = slowKeyring();
  const first = verifier.hasHadKeys();
  answer(false);
  expect(await first).toBe(false);
  // No promise, now that nobody has to be asked.
  expect(verifier.hasHadKeys()).toBe(false);
  clock.advance(LIMITS.keyMissCacheMs);
  const second = verifier.hasHadKeys();
  answer(true);
  expect(await second).toBe(true);
  clock.advance(24 * 3_600_000);
  expect(verifier.hasHadKeys()).toBe(true);
  expect(waiting).toEqual([]);
});

test('an answer from before the first key, which comes late, opens nothing again', async () => {
  const { verifier, waiting } = slowKeyring();
  const [before, after] = [verifier.hasHadKeys(), verifier.hasHadKeys()];
  // The first key was made between the two questions, and the later one is answered first.
  waiting[1]!(true);
  expect(await after).toBe(true);
  waiting[0]!(false);
  expect(await before).toBe(true);
  expect(await verifier.hasHadKeys()).toBe(true);
});

test('nor is it believed behind what was forgotten since', async () => {
  const { verifier, answer, waiting } = slowKeyring();
  const before = verifier.hasHadKeys();
  verifier.forget();
  answer(false);
  await before;
  const after = verifier.hasHadKeys();
  expect(waiting).toHaveLength(1);
  answer(true);
  expect(await after).toBe(true);
});

test('a clock that is set back keeps no key that was revoked, and none that was made, from being asked for again', async () => {
  const { text } = newKey(new SeededRandom(1));
  const digest = await digestOf(text);
  const key: KeyRecord = { id: keyId(text)!, tenant: 'a', scopes: ['read'], matchers: [], description: '', createdMs: 0, createdBy: '', expiresMs: undefined, revokedMs: undefined, revokedBy: undefined, lastUsedMs: undefined };
  let isValid = true;
  const stub = { verify: async () => (isValid ? { status: 'valid', key } : { status: 'invalid' }), hasHadKeys: async () => isValid } as Partial<KeyringApi> as KeyringApi;
  const clock = new FixedClock(24 * 3_600_000);
  const verifier = new KeyVerifier(() => stub, clock);
  expect(await verifier.verify(text, digest)).toMatchObject({ tenant: 'a' });
  expect(verifier.recall(digest)).toMatchObject({ tenant: 'a' });
  clock.advance(-3_600_000);
  expect(verifier.recall(digest)).toBeUndefined();
  isValid = false;
  expect(await verifier.verify(text, digest)).toBeUndefined();
  expect(verifier.isKnownInvalid(text, digest)).toBe(true);
  clock.advance(-3_600_000);
  expect(verifier.isKnownInvalid(text, digest)).toBe(false);
});
