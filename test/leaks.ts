import { request } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeWriteRequest } from '../proto/encode-write-request.ts';
import { snappyEncode } from '../proto/snappy.ts';
import { HeapProbe } from './bench/tiers/heap-probe.ts';
import { killAll, VarveProcess } from './cli/varve-process.ts';
import { flagsOfV8 } from './processes/flags-of-v8.ts';
import { freePort } from './processes/free-port.ts';
import { http, keepAliveAgent } from './processes/http.ts';
import { sleep } from './processes/sleep.ts';
import { bytesField, varintField } from './proto/protobuf-fields.ts';

/*
 * `npm run test:leaks`: what requests leave behind. Thousands of each kind go to a Varve as `npm start` runs it, those of clients that hang up in
 * the middle among them; then what is alive in the isolate, behind a collection, must be what it was. And garbage must not pile up before V8
 * collects it: workerd's own objects hang on V8's, weigh half as much again, and are not counted. Takes one to three minutes.
 */
const WARM_UP_COUNT = 500;
/** A closure, a promise or a stub left behind is more. */
const LEFT_BYTES_PER_REQUEST_MAX = 128;
/** Of the collections' own noise. */
const LEFT_BYTES_MAX = 256 * 2 ** 10;
/** A young generation of V8's default size makes it some 100 MiB in the end. */
const TAKEN_BYTES_MAX = 52 * 2 ** 20;
const SETTLING_LOOKS = 4;
const SETTLING_LOOK_EACH_MS = 700;
/** Connections at once. */
const LANES = 4;

const folder = mkdtempSync(join(tmpdir(), 'varve-leaks-'));
const inspectorPort = await freePort();
const varve = await new VarveProcess({
  PORT: String(await freePort()),
  DATA_DIR: join(folder, 'data'),
  VARVE_INSPECTOR_PORT: String(inspectorPort),
  MINIFLARE_WORKERD_V8_FLAGS: flagsOfV8('--expose-gc'),
}).ready();
const agent = keepAliveAgent(LANES);
const SAMPLE_INTERVAL_MS = 20;
const startMs = Date.now() - 3_600_000;
const PROTOBUF = { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' };
let written = 0;

async function ask(status: number, path: string, body?: Uint8Array): Promise<void> {
  const call = { url: new URL(path, varve.baseUrl), agent };
  const answer = await http(body === undefined ? { ...call, method: 'GET' } : { ...call, method: 'POST', headers: PROTOBUF, body });
  if (answer.status !== status) throw new Error(`${path}: ${answer.status} ${answer.body.toString().slice(0, 300)}`);
}

/** Sends `body`, of which there should be more when `promisedBytes` says so, and hangs up at the first bytes of an answer or when `afterMs` have passed. */
function hangUp(path: string, afterMs: number, body?: Uint8Array, promisedBytes = body?.byteLength ?? 0): Promise<void> {
  return new Promise((resolve) => {
    const method = body === undefined ? 'GET' : 'POST';
    const outgoing = request(new URL(path, varve.baseUrl).href, { method, headers: { ...PROTOBUF, 'content-length': promisedBytes } });
    const timer = setTimeout(() => outgoing.destroy(), afterMs);
    outgoing.on('error', () => undefined);
    outgoing.on('response', (answer) => {
      answer.on('error', () => undefined);
      answer.once('data', () => outgoing.destroy());
    });
    outgoing.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    if (body === undefined || body.byteLength === promisedBytes) outgoing.end(body);
    else outgoing.write(body);
  });
}

/** One sample: what it takes in the log is a sixth of what a request may leave behind. */
function write(): Promise<void> {
  const series = { labels: ['__name__', 'leaks_total'], timestampsMs: [startMs + written * SAMPLE_INTERVAL_MS], values: [written] };
  written++;
  return ask(204, '/api/v1/write', snappyEncode(encodeWriteRequest([series])));
}

function readRequest(): Uint8Array {
  const matcher = bytesField(3, [...varintField(1, 0), ...bytesField(2, '__name__'), ...bytesField(3, 'leaks_total')]);
  const query = bytesField(1, [...varintField(1, startMs), ...varintField(2, startMs + 60_000), ...matcher]);
  return snappyEncode(Uint8Array.from([...query, ...varintField(2, 1)]));
}

const range = `start=${startMs / 1000}&end=${startMs / 1000 + 300}`;
const KINDS: readonly (readonly [what: string, count: number, run: (i: number) => Promise<void>])[] = [
  ['writes', 20_000, write],
  ['writes that are refused', 2_000, () => ask(400, '/api/v1/write', Buffer.from('no snappy'))],
  ['paths that lead nowhere', 4_000, () => ask(404, '/nowhere')],
  ['instant queries', 4_000, () => ask(200, `/api/v1/query?query=count(leaks_total)&time=${startMs / 1000 + 60}`)],
  ['range queries', 2_000, () => ask(200, `/api/v1/query_range?query=rate(leaks_total[1m])&${range}&step=1`)],
  ['remote reads', 1_000, () => ask(200, '/api/v1/read', readRequest())],
  ['queries whose client hangs up', 2_000, (i) => hangUp(`/api/v1/query_range?query=rate(leaks_total[1m])&${range}&step=0.05`, i % 12)],
  ['bodies that break off', 2_000, (i) => hangUp('/api/v1/write', i % 12, Buffer.alloc(2_000), 100_000)],
  ['remote reads whose client hangs up', 500, () => hangUp('/api/v1/read', 1_000, readRequest())],
  ['change feeds whose client hangs up', 500, (i) => hangUp(`/api/v1/cdc?cursor=${i % 2 === 0 ? 'oldest' : 'latest'}`, 1_000)],
];

async function repeat(count: number, run: (i: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await run(next++);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

/** What is alive once nothing is left to be freed: workerd ends requests, and V8 frees buffers, a while after they are through. */
async function settledBytes(): Promise<number> {
  const probe = await HeapProbe.connect(inspectorPort);
  try {
    let least = Infinity;
    for (let look = 0; look < SETTLING_LOOKS; look++) {
      await sleep(SETTLING_LOOK_EACH_MS);
      least = Math.min(least, await probe.aliveBytes());
    }
    return least;
  } finally {
    probe.close();
  }
}

async function takenBytes(): Promise<number> {
  const probe = await HeapProbe.connect(inspectorPort);
  try {
    return await probe.takenBytes();
  } finally {
    probe.close();
  }
}

let passed = 0;
let failed = 0;
function check(what: string, bytes: number, bytesMax: number): void {
  const isGood = bytes <= bytesMax;
  if (isGood) passed++;
  else failed++;
  console.log(`${isGood ? 'ok  ' : 'FAIL'} ${what}: ${(bytes / 2 ** 20).toFixed(2)} MiB, at most ${(bytesMax / 2 ** 20).toFixed(2)}`);
}

try {
  for (const [what, count, run] of KINDS) {
    await repeat(WARM_UP_COUNT, run);
    const beforeBytes = await settledBytes();
    await repeat(count, run);
    if (run === write) check(`V8's heap, garbage included, behind ${written} writes`, await takenBytes(), TAKEN_BYTES_MAX);
    const leftBytes = (await settledBytes()) - beforeBytes;
    check(`${count} ${what} leave behind`, leftBytes, LEFT_BYTES_MAX + count * LEFT_BYTES_PER_REQUEST_MAX);
  }
} catch (error) {
  failed++;
  console.log(error);
} finally {
  agent.destroy();
  killAll();
  rmSync(folder, { recursive: true, force: true });
}
console.log(`leaks: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
