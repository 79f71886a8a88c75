import avsc from 'avsc';

/** Long values as numbers, which avsc refuses when they do not fit. Reads a container with somebody else's reader. */
export function readAvro(bytes: Uint8Array): Promise<{ readonly metadata: Record<string, string>; readonly records: Record<string, unknown>[] }> {
  return new Promise((resolve, reject) => {
    const records: Record<string, unknown>[] = [];
    let metadata: Record<string, string> = {};
    const decoder = new avsc.streams.BlockDecoder();
    decoder.on('metadata', (_type, _codec, header) => {
      metadata = Object.fromEntries(Object.entries((header as { readonly meta: Record<string, Buffer> }).meta).map(([key, value]) => [key, value.toString()]));
    });
    decoder.on('data', (record) => records.push(JSON.parse(JSON.stringify(record)) as Record<string, unknown>));
    decoder.on('end', () => resolve({ metadata, records }));
    decoder.on('error', reject);
    decoder.end(Buffer.from(bytes));
  });
}
