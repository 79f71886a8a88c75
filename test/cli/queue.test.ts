import { join } from 'node:path';
import { build } from 'esbuild';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { expect, test } from 'vitest';
import { encodeWriteRequest } from '../../proto/encode-write-request.ts';
import { snappyEncode } from '../../proto/snappy.ts';
import { unpackSnappy } from '../../query/cli/unpack-snappy.mjs';
import { BUNDLED_AS } from '../../query/cli/worker-process.ts';
import { ROOT } from './varve-process.ts';

/*
 * The change feed into a real queue: Varve in workerd with a queue bound as wrangler.toml would, and a consumer behind it.
 */
const CONSUMER = `
  const taken = [];
  export default {
    queue(batch) { for (const message of batch.messages) taken.push(message.body); },
    fetch() { return Response.json(taken); },
  };
`;

async function startWithQueue(): Promise<Miniflare> {
  unpackSnappy();
  const { outputFiles } = await build({
    ...BUNDLED_AS,
    absWorkingDir: ROOT,
    entryPoints: ['worker.ts'],
    outdir: join(ROOT, '.build/queue-test'),
    write: false,
    loader: { '.wasm': 'copy' },
  });
  const ofType = (type: 'ESModule' | 'CompiledWasm', ending: string) =>
    outputFiles.filter(({ path }) => path.endsWith(ending)).map(({ path, contents }) => ({ type, path, contents: contents as Uint8Array<ArrayBuffer> }));
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      workers: [
        {
          name: 'varve',
          modules: [...ofType('ESModule', '.js'), ...ofType('CompiledWasm', '.wasm')],
          modulesRoot: join(ROOT, '.build/queue-test'),
          compatibilityDate: '2026-10-01',
          compatibilityFlags: ['enable_request_signal'],
          bindings: { VARVE_OPEN: 'loopback', VARVE_SHARDS: '2' },
          durableObjects: {
            SHARD: { className: 'Shard', useSQLite: true },
            CATALOG: { className: 'Catalog', useSQLite: true },
            KEYRING: { className: 'Keyring', useSQLite: true },
          },
          r2Buckets: ['ARCHIVE'],
          queueProducers: { CDC_QUEUE: 'varve-cdc' },
        },
        {
          name: 'consumer',
          modules: [{ type: 'ESModule', path: 'consumer.js', contents: CONSUMER }],
          compatibilityDate: '2026-10-01',
          queueConsumers: { 'varve-cdc': { maxBatchSize: 10, maxBatchTimeout: 0 } },
        },
      ],
    }),
  );
  await miniflare.ready;
  return miniflare;
}

interface QueueMessage {
  readonly shard: string;
  readonly events: readonly { readonly type: string; readonly key: string; readonly after: { readonly value: number } }[];
}

test('what is written reaches the consumer of the queue, each series’ in order', { timeout: 90_000 }, async () => {
  const miniflare = await startWithQueue();
  try {
    const consumer = await miniflare.getWorker('consumer');
    const nowMs = Date.now() - 60_000;
    const seriesCount = 40;
    const write = async (value: number): Promise<void> => {
      const body = encodeWriteRequest(
        Array.from({ length: seriesCount }, (_, i) => ({ labels: ['__name__', 'queued', 'i', String(i)], timestampsMs: [nowMs + value], values: [value] })),
      );
      const answer = await miniflare.dispatchFetch('http://localhost/api/v1/write', {
        method: 'POST',
        headers: { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' },
        body: snappyEncode(body),
      });
      expect(answer.status).toBe(204);
    };
    for (const value of [1, 2, 3]) await write(value);
    const taken = async (): Promise<QueueMessage[]> => ((await (await consumer.fetch('http://localhost/')).json()) as string[]).map((body) => JSON.parse(body) as QueueMessage);
    let messages: QueueMessage[] = [];
    for (const deadlineMs = Date.now() + 30_000; Date.now() < deadlineMs; ) {
      messages = await taken();
      if (messages.flatMap(({ events }) => events).length >= 3 * seriesCount) break;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    const valuesOf = new Map<string, number[]>();
    for (const { shard, events } of messages) {
      expect(shard).toMatch(/^default\/shard\/\d+\/[01]$/);
      for (const { type, key, after } of events) {
        expect(type).toBe('cdc.insert');
        valuesOf.set(key, [...(valuesOf.get(key) ?? []), after.value]);
      }
    }
    expect(valuesOf.size).toBe(seriesCount);
    for (const [key, values] of valuesOf) expect(values, key).toEqual([1, 2, 3]);
    expect(new Set(messages.map(({ shard }) => shard)).size).toBe(2);
    const metrics = await (await miniflare.dispatchFetch('http://localhost/metrics')).text();
    expect(metrics).toMatch(/varve_shard_queue_messages_total\{[^}]*\} [1-9]/);
    expect(metrics).toMatch(/varve_shard_queue_lag_rows\{[^}]*\} 0/);
  } finally {
    await miniflare.dispose();
  }
});
