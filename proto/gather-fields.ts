import { WIRE_BYTES, type WireReader } from './wire-reader.ts';

/**
 * Moves some of a message's repeated fields, or the varints in them alone, in front of its others, which keep their order: legal protobuf that no
 * known sender writes, since they write repeated fields in one run. It takes one walk over the message from `start` to `end`, which is ours to
 * change. Answers where the gathered ones end, and where the others do: the bytes of tags and lengths that were left out are behind.
 */
export function gatherFields(
  cursor: WireReader,
  { start, end }: { readonly start: number; readonly end: number },
  isWanted: (tag: number) => boolean,
  kept: 'fields' | 'varints',
): { readonly gatheredEnd: number; readonly othersEnd: number } {
  const original = cursor.bytes.slice(start, end);
  const others = new Uint8Array(end - start);
  let gatheredEnd = start;
  let othersLength = 0;
  cursor.position = start;
  while (cursor.position < end) {
    const fieldStart = cursor.position;
    const tag = cursor.tag(end);
    let contentStart = cursor.position;
    if ((tag & 7) === WIRE_BYTES) {
      const contentEnd = cursor.length(end);
      contentStart = cursor.position;
      cursor.position = contentEnd;
    } else cursor.skipField(tag, end);
    if (!isWanted(tag)) {
      const field = original.subarray(fieldStart - start, cursor.position - start);
      others.set(field, othersLength);
      othersLength += field.length;
      continue;
    }
    const part = original.subarray((kept === 'fields' ? fieldStart : contentStart) - start, cursor.position - start);
    // One that is cut off, for which the next field would be the rest.
    if (kept === 'varints' && part.length > 0 && part.at(-1)! >= 0x80) throw cursor.cutOff(cursor.position);
    // Never further ahead than what has been read.
    cursor.bytes.set(part, gatheredEnd);
    gatheredEnd += part.length;
  }
  cursor.bytes.set(others.subarray(0, othersLength), gatheredEnd);
  return { gatheredEnd, othersEnd: gatheredEnd + othersLength };
}
