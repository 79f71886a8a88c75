import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Miniflare } from 'miniflare';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeWriteRequest } from '../../proto/encode-write-request.ts';
import { snappyEncode } from '../../proto/snappy.ts';
import { readSettings } from '../../query/cli/settings.ts';
import { startWorker } from '../../query/cli/worker-process.ts';
import { freePort } from '../processes/free-port.ts';
import { sleep } from '../processes/sleep.ts';

/*
 * Bodies that drip, over sockets, into the Worker in workerd (slow-body-worker.ts has two seconds and 4,000 bytes for them). The rules are
 * tested in test/ingest/write-bodies.test.ts; this shows that the runtime's streams and timers keep them.
 */
const BODY_MS_MAX = 2000;
const DRIP_MS = 100;
/** Leaves no room for another body. */
const DECLARED_BYTES = 3990;

const folder = mkdtempSync(join(tmpdir(), 'varve-slow-'));
const sockets = new Set<Socket>();
let port = 0;
let miniflare: Miniflare | undefined;

beforeAll(async () => {
  port = await freePort();
  miniflare = await startWorker({ ...readSettings({ PORT: String(port), DATA_DIR: folder }), selfScrape: false }, 'test/cli/slow-body-worker.ts');
}, 60_000);

afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await miniflare?.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const written = snappyEncode(encodeWriteRequest([{ labels: ['__name__', 'up'], timestampsMs: [Date.now()], values: [1] }]));

async function write(): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/v1/write`, { method: 'POST', headers: { 'content-encoding': 'snappy' }, body: written as Uint8Array<ArrayBuffer> });
  await answer.arrayBuffer();
  return answer.status;
}

/** Asks until it is taken; how long that took (ms). */
async function writtenAfterMs(): Promise<number> {
  const startMs = performance.now();
  while ((await write()) !== 204) {
    if (performance.now() - startMs > 3 * BODY_MS_MAX) return Infinity;
    await sleep(50);
  }
  return performance.now() - startMs;
}

/** A request whose body comes byte by byte, for as long as the server lets it. */
class Drip {
  readonly #socket: Socket;
  readonly #startMs = performance.now();
  /** The status, and how long it took (ms). */
  readonly answered: Promise<readonly [status: number, afterMs: number]>;
  #isOver = false;

  constructor(path: string, headers: string, piece: string) {
    const socket = connect(port, '127.0.0.1');
    this.#socket = socket;
    sockets.add(socket);
    this.answered = new Promise((resolve) => {
      socket.setEncoding('latin1').on('data', (text: string) => resolve([Number(text.slice(9, 12)), performance.now() - this.#startMs]));
      socket.on('error', () => {}).on('close', () => {
        this.#isOver = true;
        resolve([0, performance.now() - this.#startMs]);
      });
    });
    socket.write(`POST ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n\r\n`);
    void this.#drip(piece);
  }

  async #drip(piece: string): Promise<void> {
    while (!this.#isOver) {
      this.#socket.write(piece);
      await sleep(DRIP_MS);
    }
  }

  /** Hangs up without a word. */
  destroy(): void {
    this.#socket.destroy();
  }
}

const WRITE = 'Content-Encoding: snappy\r\n';
const OTLP = 'Content-Type: application/x-protobuf\r\n';
const declared = `Content-Length: ${DECLARED_BYTES}`;
const chunked = 'Transfer-Encoding: chunked';

describe.each([
  ['remote write, of a declared length', '/api/v1/write', WRITE + declared, 'x'],
  ['remote write, in chunks', '/api/v1/write', WRITE + chunked, '1\r\nx\r\n'],
  ['OTLP, of a declared length', '/v1/metrics', OTLP + declared, '\0'],
])('%s', (_, path, headers, piece) => {
  test('has its time and no more', async () => {
    const [status, afterMs] = await new Drip(path, headers, piece).answered;
    expect(status).toBe(503);
    expect(afterMs).toBeGreaterThan(BODY_MS_MAX * 0.9);
    expect(afterMs).toBeLessThan(BODY_MS_MAX * 2);
    // Nothing of it is held any more.
    expect(await writtenAfterMs()).toBeLessThan(BODY_MS_MAX / 2);
  });
});

test('what it holds nobody else has, until its time is up', async () => {
  const drip = new Drip('/api/v1/write', WRITE + declared, 'x');
  await sleep(3 * DRIP_MS);
  expect(await write()).toBe(503);
  expect(await writtenAfterMs()).toBeLessThan(BODY_MS_MAX * 1.5);
  expect((await drip.answered)[0]).toBe(503);
});

test('what it holds is free when its client hangs up', async () => {
  const drip = new Drip('/api/v1/write', WRITE + declared, 'x');
  await sleep(3 * DRIP_MS);
  expect(await write()).toBe(503);
  drip.destroy();
  expect(await writtenAfterMs()).toBeLessThan(BODY_MS_MAX / 2);
});

test('a hundred of them at once are all sent away, and others are served meanwhile', async () => {
  const drips = Array.from({ length: 100 }, (_, i) => new Drip('/api/v1/write', WRITE + (i % 2 === 0 ? 'Content-Length: 10' : chunked), i % 2 === 0 ? 'x' : '1\r\nx\r\n'));
  await sleep(3 * DRIP_MS);
  expect(await write()).toBe(204);
  const answers = await Promise.all(drips.map(({ answered }) => answered));
  // Ten bytes are there before the time is up, and are no remote write.
  expect(answers.filter(([status], i) => status !== (i % 2 === 0 ? 400 : 503))).toEqual([]);
  expect(await writtenAfterMs()).toBeLessThan(BODY_MS_MAX / 2);
});
