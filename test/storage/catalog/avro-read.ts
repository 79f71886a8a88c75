import avsc from 'avsc';

const types = new Map<string, avsc.Type>();

/** avsc compiles code for every type that it makes, which takes it many times as long as to read a file. */
function typeOf(schema: unknown): avsc.Type {
  const text = JSON.stringify(schema);
  let type = types.get(text);
  if (type === undefined) types.set(text, (type = avsc.Type.forSchema(schema as avsc.Schema)));
  return type;
}

/** Long values as numbers, which avsc refuses when they do not fit. Reads a container with somebody else's reader. */
export function readAvro(bytes: Uint8Array): Promise<{ readonly metadata: Record<string, string>; readonly records: Record<string, unknown>[] }> {
  return new Promise((resolve, reject) => {
    const records: Record<string, unknown>[] = [];
    let metadata: Record<string, string> = {};
    const decoder = new avsc.streams.BlockDecoder({ parseHook: typeOf });
    decoder.on('metadata', (_type, _codec, header) => {
      metadata = Object.fromEntries(Object.entries((header as { readonly meta: Record<string, Buffer> }).meta).map(([key, value]) => [key, value.toString()]));
    });
    decoder.on('data', (record) => records.push(JSON.parse(JSON.stringify(record)) as Record<string, unknown>));
    decoder.on('end', () => resolve({ metadata, records }));
    decoder.on('error', reject);
    decoder.end(Buffer.from(bytes));
  });
}
