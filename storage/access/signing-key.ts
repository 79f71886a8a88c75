import { hexOf } from '../runtime/hex.ts';

/*
 * A key as S3 clients have it, who sign with a secret instead of sending it. The access key id is the key's id, and the secret access key is
 * the SHA-256 of the whole key in hexadecimal, as for R2's own tokens: whoever has the key can work it out, and it is what the keyring has
 * of the key. A signature lets its holder read objects and nothing else, since nowhere else is one taken.
 */

/** Access key ids of the keys that are variables. */
export const ADMIN_ACCESS_KEY_ID = 'admin';
export const LOCAL_ACCESS_KEY_ID = 'local';

/** The secret access key of a key whose SHA-256 this is. */
export function secretAccessKey(digest: Uint8Array): string {
  return hexOf(digest);
}

/** The first step of Signature Version 4: a secret that is good for one day (`YYYYMMDD`) and tells nothing of the key. */
export function signingKeyOfDay(digest: Uint8Array, day: string): Promise<Uint8Array> {
  return hmacSha256(utf8.encode(`AWS4${secretAccessKey(digest)}`), day);
}

export async function hmacSha256(key: Uint8Array, text: string): Promise<Uint8Array> {
  const imported = await crypto.subtle.importKey('raw', key as Uint8Array<ArrayBuffer>, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, utf8.encode(text)));
}

const utf8 = new TextEncoder();
