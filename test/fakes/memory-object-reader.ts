import type { ObjectInfo, ObjectReader } from '../../storage/object-reader.ts';
import type { ObjectHead, ObjectStore } from '../../storage/object-store.ts';

/** When all objects were written. */
export const UPLOADED_MS = Date.UTC(2024, 0, 14, 11, 30, 15, 250);

/** Objects of a store as readers outside see them. Ranges outside an object, and keys in any other order than UTF-8's, are errors of the test. */
export function memoryObjectReader(store: ObjectStore): ObjectReader {
  const infoOf = (object: ObjectHead): ObjectInfo => ({ ...object, uploadedMs: UPLOADED_MS });
  return {
    async head(key) {
      const object = await store.head(key);
      return object && infoOf(object);
    },
    async open(key, range) {
      const bytes = await store.get(key, range);
      return bytes && (new Blob([bytes as Uint8Array<ArrayBuffer>]).stream() as ReadableStream<Uint8Array>);
    },
    async list({ prefix, delimiter, startAfter = '', limit }) {
      if (limit < 1) throw new Error('R2 lists one key at least');
      const objects: ObjectInfo[] = [];
      const prefixes: string[] = [];
      for (let cursor: string | undefined, isFirst = true; isFirst || cursor !== undefined; isFirst = false) {
        const page = await store.list(prefix, cursor);
        for (const object of page.objects) {
          if (object.key <= startAfter) continue;
          const end = delimiter === undefined ? -1 : object.key.indexOf(delimiter, prefix.length);
          const common = end < 0 ? undefined : object.key.slice(0, end + delimiter!.length);
          if (common !== undefined && common === prefixes.at(-1)) continue;
          if (objects.length + prefixes.length === limit) return { objects, prefixes, isTruncated: true };
          if (common === undefined) objects.push(infoOf(object));
          else prefixes.push(common);
        }
        cursor = page.cursor;
      }
      return { objects, prefixes, isTruncated: false };
    },
  };
}
