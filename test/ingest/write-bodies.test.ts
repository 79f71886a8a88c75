import { describe, expect, test } from 'vitest';
import { WriteBodies } from '../../ingest/write-bodies.ts';
import { encodeWriteRequest } from '../../proto/encode-write-request.ts';
import { snappyEncode } from '../../proto/snappy.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { Counters } from '../../storage/runtime/metrics.ts';
import { limitsWith } from '../fakes/limits-with.ts';
import { nodeApp } from '../fakes/node-app.ts';
import { WaitingClock } from '../fakes/waiting-clock.ts';
import { NOW_MS } from './write-app.ts';
import { type ByteSink, byteStream } from '../fakes/byte-stream.ts';

const SMALL = limitsWith({ requestMemoryBytesMax: 1000, requestMemoryTenantBytesMax: 700 });

/** A body whose chunks come when the test says so. */
class SlowBody {
  readonly request: Request;
  #sink!: ByteSink;

  constructor(declared?: number, path = '/api/v1/write', headers: Record<string, string> = {}) {
    const body = byteStream({ start: (sink) => void (this.#sink = sink) });
    const request = new Request(`http://127.0.0.1${path}`, { method: 'POST', body, headers, duplex: 'half' } as RequestInit);
    // A Request does not let its maker declare the length; the runtime's has the sender's.
    this.request = declared === undefined ? request : new Proxy(request, { get: (target, key) => (key === 'headers' ? new Headers({ ...headers, 'content-length': String(declared) }) : ((value) => (typeof value === 'function' ? value.bind(target) : value))(Reflect.get(target, key, target))) });
  }

  async send(length: number): Promise<void> {
    this.#sink.enqueue(new Uint8Array(length));
    await settle();
  }

  /** The client hangs up. */
  async breakOff(): Promise<void> {
    this.#sink.error(new Error('Network connection lost.'));
    await settle();
  }

  async finish(): Promise<void> {
    this.#sink.close();
    await settle();
  }
}

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

interface Reading {
  /** `undefined` while it is under way. */
  outcome: number | string | undefined;
}

class Setup {
  readonly clock = new WaitingClock(NOW_MS);
  readonly counters = new Counters();
  readonly bodies: WriteBodies;
  readonly bytesMax: number;

  constructor(limits = SMALL, bytesMax = 1000) {
    this.bodies = new WriteBodies(this.clock, this.clock.startTimer, limits, this.counters);
    this.bytesMax = bytesMax;
  }

  /** Reads, then goes on with it for as long as `use` takes. */
  read(body: SlowBody, tenant = 'a', use: (body: Uint8Array) => Promise<number> = async (bytes) => bytes.length): Reading {
    const reading: Reading = { outcome: undefined };
    this.bodies.with(body.request, tenant, this.bytesMax, 'bytesMax', use).then(
      (length) => (reading.outcome = length),
      (error: { kind?: string; message: string }) => (reading.outcome = `${error.kind}: ${error.message}`),
    );
    return reading;
  }
}

describe('bodies at the same time', () => {
  test('share the memory that there is; who finds none is asked to come again, and the others do not notice', async () => {
    const setup = new Setup();
    const [first, second, third] = [new SlowBody(), new SlowBody(), new SlowBody()];
    const [a, b, c] = [setup.read(first, 'a'), setup.read(second, 'b'), setup.read(third, 'c')];
    await first.send(400);
    await second.send(400);
    await third.send(200);
    await third.send(1);
    expect(c.outcome).toBe('overloaded: write requests hold 1000 bytes, the limit requestMemoryBytesMax is 1000; try again later');
    // What it held is free again.
    await first.send(200);
    await first.finish();
    expect(a.outcome).toBe(600);
    await second.finish();
    expect(b.outcome).toBe(400);
    // No timer stays behind a body that has come, or was refused: it would keep the body.
    expect(setup.clock.waitingCount).toBe(0);
    expect(setup.counters.samples()).toEqual([
      { name: 'varve_ingest_requests_without_room_total', labels: { of: 'all' }, value: 1 },
      { name: 'varve_ingest_requests_without_room_total', labels: { of: 'tenant' }, value: 0 },
    ]);
    const again = new SlowBody();
    const d = setup.read(again, 'c');
    await again.send(700);
    await again.finish();
    expect(d.outcome).toBe(700);
  });

  test('of one tenant leave room for others', async () => {
    const setup = new Setup();
    const [first, second, others] = [new SlowBody(), new SlowBody(), new SlowBody()];
    const [a, b, c] = [setup.read(first, 'a'), setup.read(second, 'a'), setup.read(others, 'b')];
    await first.send(500);
    await second.send(201);
    expect(b.outcome).toBe('overloaded: write requests of this tenant hold 500 bytes, the limit requestMemoryTenantBytesMax is 700; try again later');
    await others.send(500);
    await others.finish();
    await first.finish();
    expect([a.outcome, c.outcome]).toEqual([500, 500]);
  });

  test('of declared lengths are counted before they arrive, and a body that is alone is let through whatever it takes', async () => {
    const setup = new Setup(SMALL, 5000);
    const [large, small] = [new SlowBody(3000), new SlowBody(10)];
    const a = setup.read(large, 'a');
    await settle();
    const b = setup.read(small, 'b');
    await settle();
    expect(b.outcome).toContain('write requests hold 3000 bytes');
    await large.send(3000);
    await large.finish();
    expect(a.outcome).toBe(3000);
  });

  test('are counted until they are answered; one whose client is gone is given up in the end', async () => {
    const setup = new Setup();
    let answer!: () => void;
    const [first, second] = [new SlowBody(), new SlowBody()];
    const a = setup.read(first, 'a', (bytes) => new Promise((resolve) => (answer = () => resolve(bytes.length))));
    await first.send(600);
    await first.finish();
    const attempt = async (): Promise<Reading['outcome']> => {
      const body = new SlowBody();
      const reading = setup.read(body, 'b');
      await body.send(600);
      await body.finish().catch(() => {});
      return reading.outcome;
    };
    expect(await attempt()).toContain('overloaded');
    await setup.clock.advance(LIMITS.requestMemoryMsMax - 1);
    expect(await attempt()).toContain('overloaded');
    await setup.clock.advance(1);
    expect(await attempt()).toBe(600);
    // It was alive after all: its answer takes nothing away from anybody.
    const third = setup.read(second, 'b');
    await second.send(900);
    answer();
    await settle();
    expect(a.outcome).toBe(600);
    await second.finish();
    expect(third.outcome).toBe(900);
  });
});

test('a piece counts as what it keeps in memory, and a body that has come as its length', async () => {
  const length = Math.ceil(LIMITS.bodyPieceBytes * 0.8);
  const room = LIMITS.bodyPieceBytes + length;
  const setup = new Setup(limitsWith({ requestMemoryBytesMax: room, requestMemoryTenantBytesMax: room }), room);
  const [first, second, third] = [new SlowBody(), new SlowBody(), new SlowBody()];
  const a = setup.read(first, 'a', () => new Promise(() => {}));
  await first.send(length);
  const b = setup.read(second, 'b');
  await second.send(length);
  expect(b.outcome).toContain(`write requests hold ${LIMITS.bodyPieceBytes} bytes`);
  await first.finish();
  const c = setup.read(third, 'c');
  await third.send(length);
  await third.finish();
  expect([a.outcome, c.outcome]).toEqual([undefined, length]);
});

describe('a slow body', () => {
  test.each([undefined, 1000])('has its time, however evenly it drips (declared: %s)', async (declared) => {
    const setup = new Setup();
    const body = new SlowBody(declared);
    const reading = setup.read(body);
    for (let second = 1; second < LIMITS.writeBodyMsMax / 1000; second++) {
      await body.send(1);
      await setup.clock.advance(1000);
      expect(reading.outcome).toBe(undefined);
    }
    await setup.clock.advance(1000);
    expect(reading.outcome).toBe(`timeout: the body has not arrived within writeBodyMsMax (${LIMITS.writeBodyMsMax} ms); send it again`);
    // Its memory is free.
    const next = new SlowBody();
    const after = setup.read(next);
    await next.send(700);
    await next.finish();
    expect(after.outcome).toBe(700);
  });

  test.each([undefined, 1000])('that breaks off is no fault of ours, and nothing of it is held (declared: %s)', async (declared) => {
    const setup = new Setup();
    const body = new SlowBody(declared);
    const reading = setup.read(body);
    await body.send(500);
    await body.breakOff();
    expect(reading.outcome).toBe('canceled: the client hung up before all of the body had arrived');
    const next = new SlowBody();
    const after = setup.read(next);
    await next.send(700);
    await next.finish();
    expect(after.outcome).toBe(700);
  });

  test('takes no longer when it is too large and only read to be thrown away, and is told that, since the same would never be taken', async () => {
    const setup = new Setup(SMALL, 10);
    const body = new SlowBody(20);
    const reading = setup.read(body);
    await body.send(1);
    await setup.clock.advance(LIMITS.writeBodyMsMax);
    expect(reading.outcome).toBe('too-large: the body is larger than the limit bytesMax of 10 bytes; send smaller requests');
  });

  test('nor when it does not say how long it is', async () => {
    const setup = new Setup(SMALL, 10);
    const body = new SlowBody();
    const reading = setup.read(body);
    await body.send(11);
    await setup.clock.advance(LIMITS.writeBodyMsMax);
    expect(reading.outcome).toBe('too-large: the body is larger than the limit bytesMax of 10 bytes; send smaller requests');
  });
});

describe('over HTTP', () => {
  const written = snappyEncode(encodeWriteRequest([{ labels: ['__name__', 'up'], timestampsMs: [NOW_MS], values: [1] }]));

  test.each([
    ['/api/v1/write', { 'content-encoding': 'snappy' }],
    ['/v1/metrics', { 'content-type': 'application/x-protobuf' }],
  ])('%s answers 503 with the time to wait, and takes the same a moment later', async (path, headers: Record<string, string>) => {
    const { app } = nodeApp({ VARVE_OPEN: 'loopback' }, undefined, NOW_MS, limitsWith({ requestMemoryBytesMax: 100 }));
    const slow = new SlowBody(undefined, '/api/v1/write', { 'content-encoding': 'snappy' });
    const held = app.fetch(slow.request);
    await slow.send(90);
    const send = (): Response | Promise<Response> => app.fetch(new Request(`http://127.0.0.1${path}`, { method: 'POST', headers, body: path === '/v1/metrics' ? new Uint8Array(30).map((_, i) => (i % 2 === 0 ? 0x0a : 0)) : (written as Uint8Array<ArrayBuffer>) }));
    const refused = await send();
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5']);
    expect(await refused.text()).toContain('requestMemoryBytesMax');
    expect(await (await app.fetch(new Request('http://127.0.0.1/metrics'))).text()).toContain('varve_ingest_requests_without_room_total{of="all"} 1\n');
    await slow.finish();
    expect((await held).status).toBe(400);
    expect((await send()).status).toBeLessThan(300);
  });

  test('batches on their way to a shard are counted, too', async () => {
    const many = Array.from({ length: 50 }, (_, i) => ({ labels: ['__name__', `m${i}`], timestampsMs: [NOW_MS], values: [1] }));
    const body = snappyEncode(encodeWriteRequest(many));
    const { app } = nodeApp({ VARVE_OPEN: 'loopback' }, undefined, NOW_MS, limitsWith({ requestMemoryBytesMax: 90 + body.length + 100 }));
    const slow = new SlowBody(undefined, '/api/v1/write', { 'content-encoding': 'snappy' });
    void app.fetch(slow.request);
    await slow.send(90);
    const post = (): Response | Promise<Response> => app.fetch(new Request('http://127.0.0.1/api/v1/write', { method: 'POST', headers: { 'content-encoding': 'snappy' }, body: body as Uint8Array<ArrayBuffer> }));
    const refused = await post();
    expect([refused.status, await refused.text()]).toEqual([503, expect.stringContaining('requestMemoryBytesMax')]);
    await slow.finish();
    expect((await post()).status).toBe(204);
  });
});
