import { createGzip, createZstdCompress, deflateSync } from 'node:zlib';
import { SELF } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';

/*
 * What only the real runtime shows of imports: its streams, its decompressors, its time.
 */
const BASE = 'http://127.0.0.1';

async function compressed(text: string, stream: ReturnType<typeof createGzip> | ReturnType<typeof createZstdCompress>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  stream.on('data', (part: Uint8Array) => parts.push(part));
  const ended = new Promise((resolve, reject) => stream.on('end', resolve).on('error', reject));
  stream.end(text);
  await ended;
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

async function count(metric: string): Promise<string | undefined> {
  const answer = await SELF.fetch(`${BASE}/api/v1/query?query=${encodeURIComponent(`count(${metric})`)}`);
  const { data } = (await answer.json()) as { data: { result: { value: [number, string] }[] } };
  return data.result[0]?.value[1];
}

function lines(metric: string): string {
  return Array.from({ length: 5000 }, (_, i) => `${metric}{i="${i}"} ${i}\n`).join('');
}

test.each(['identity', 'gzip', 'deflate', 'zstd'])('an exposition in %s', async (encoding) => {
  const text = lines(`import_${encoding}`);
  const body =
    encoding === 'identity' ? text
    : encoding === 'deflate' ? deflateSync(text)
    : await compressed(text, encoding === 'gzip' ? createGzip() : createZstdCompress());
  const answer = await SELF.fetch(`${BASE}/api/v1/import/prometheus`, { method: 'POST', body, headers: { 'content-encoding': encoding } });
  expect([answer.status, await answer.text()]).toEqual([204, '']);
  expect(await count(`import_${encoding}`)).toBe('5000');
});

test('a file of zstd frames put one after another', async () => {
  const files = await Promise.all(['frames_a', 'frames_b', 'frames_c'].map((metric) => compressed(lines(metric), createZstdCompress())));
  const answer = await SELF.fetch(`${BASE}/api/v1/import/prometheus`, { method: 'POST', body: await new Blob(files).arrayBuffer(), headers: { 'content-encoding': 'zstd' } });
  expect([answer.status, await answer.text()]).toEqual([204, '']);
  expect(await count('{__name__=~"frames_[abc]"}')).toBe('15000');
});

test('a body in chunks, with a bad line, an old sample, and one that is older than anything is kept', async () => {
  const oldMs = String(Date.now() - 100 * 86_400_000);
  const chunks = ['chunked{i="1"} 1\nchun', `ked{i="2"} 2\nbad\nchunked{i="3"} 3 ${oldMs.slice(0, 8)}`, `${oldMs.slice(8)}\nchunked{i="4"} 4 1000000000000\n`];
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const sent = SELF.fetch(`${BASE}/api/v1/import/prometheus`, { method: 'POST', body: readable });
  const writer = writable.getWriter();
  for (const chunk of chunks) await writer.write(new TextEncoder().encode(chunk));
  await writer.close();
  const answer = await sent;
  // Without an archive what is late stays in its queue, whatever its age.
  const isArchived = env.VARVE_ARCHIVE !== 'off';
  const refused = 'line 3: there is no value: "bad"';
  expect([answer.status, await answer.text(), answer.headers.get('varve-late-samples')]).toEqual([
    400,
    isArchived ?
      expect.stringMatching(new RegExp(`^2 samples refused, 3 stored: ${refused}; chunked\\{i="4"\\}: too old: 1000000000000 is more than 31536000000 ms ago, .*VARVE_ARCHIVE_RETENTION`))
    : `1 sample refused, 4 stored: ${refused}\n`,
    isArchived ? '1' : '2',
  ]);
  expect(await count('chunked')).toBe('2');
});

test('damaged compression is bad data', async () => {
  const answer = await SELF.fetch(`${BASE}/api/v1/import/prometheus`, { method: 'POST', body: 'no gzip', headers: { 'content-encoding': 'gzip' } });
  expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('not valid gzip')]);
});

test('Influx lines, as Telegraf sends them', async () => {
  const body = await compressed('cpu,host=a usage_idle=98.5,n=3i\n', createGzip());
  const answer = await SELF.fetch(`${BASE}/api/v2/write?bucket=b&org=o`, { method: 'POST', body, headers: { 'content-encoding': 'gzip', 'content-type': 'text/plain; charset=utf-8' } });
  expect([answer.status, await answer.text()]).toEqual([204, '']);
  expect(await count('{db="b"}')).toBe('2');
});
