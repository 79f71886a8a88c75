import { type HttpAnswer, http, keepAliveAgent } from '../processes/http.ts';
import { sleep } from '../processes/sleep.ts';
import { type CutQueue, queuesOf } from './cut-queue.ts';
import { WRITE_HEADERS } from './remote-write-body.ts';
import { type LoadProtocol, groupsOf } from './request-groups.ts';
import type { Shape } from './shapes.ts';

/** What the sender saw. */
export interface LoadFigures {
  readonly sampleCount: number;
  readonly wallSeconds: number;
  readonly requestMs: readonly number[];
  /** Requests that were answered with 429 or 5xx and sent again, as Prometheus does. */
  readonly retryCount: number;
  /** User and system time of this process: it runs on the same cores as the server. */
  readonly generatorCpuSeconds: number;
  readonly bytesPerSample: number;
}

/** How a load is sent, where that is not as most are. */
export interface LoadOptions {
  readonly protocol?: LoadProtocol;
  /** No two requests hold the same series, as those of a Prometheus; remote write alone. Else they always hold the same ones. */
  readonly isCut?: boolean;
  /** Told once, when a quarter of the samples has been answered: all series are known then, and the server's code is warm. */
  readonly onQuarter?: (sampleCount: number) => void;
}

const ATTEMPTS_MAX = 10;
const BACKOFF_MS = 100;
/**
 * Sends every scrape of the shape, oldest first, over `connections` kept-alive connections at once and as fast as the server answers.
 * Unless they are cut anew, no more than `senderCount` requests are under way.
 */
export async function sendLoad(shape: Shape, baseUrl: URL, connections: number, { protocol = '1.0', isCut = false, onQuarter }: LoadOptions = {}): Promise<LoadFigures> {
  const own = protocol === 'otlp' ? { 'content-type': 'application/x-protobuf' } : { ...WRITE_HEADERS[protocol], 'content-encoding': 'snappy' };
  const headers = { ...own, 'user-agent': 'varve-bench' };
  const agent = keepAliveAgent(connections);
  const url = new URL(protocol === 'otlp' ? '/v1/metrics' : '/api/v1/write', baseUrl);
  const requestMs: number[] = [];
  let retryCount = 0;
  let sampleCount = 0;
  let bytes = 0;
  const quarterSamples = (shape.series.length * shape.scrapeCount) / 4;

  const sendOne = async (body: Uint8Array, samples: number): Promise<void> => {
    for (let attempt = 1; ; attempt++) {
      const startMs = performance.now();
      const answer = await http({ method: 'POST', url, headers, body, agent });
      requestMs.push(performance.now() - startMs);
      bytes += body.length;
      if (answer.status >= 200 && answer.status < 300) break;
      const isRetryable = answer.status === 429 || answer.status >= 500;
      if (!isRetryable || attempt === ATTEMPTS_MAX) {
        throw new Error(`remote write was refused: ${answer.status} ${answer.body.toString().slice(0, 500)}`);
      }
      retryCount++;
      await sleep(retryAfterMs(answer) ?? BACKOFF_MS * attempt);
    }
    const isQuarter = sampleCount < quarterSamples && sampleCount + samples >= quarterSamples;
    sampleCount += samples;
    if (isQuarter) onQuarter?.(sampleCount);
  };
  const sendAll = isCut ? cutLoad(shape, connections, protocol, sendOne) : groupLoad(shape, connections, protocol, sendOne);

  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();
  try {
    await sendAll();
  } finally {
    agent.destroy();
  }
  const wallSeconds = (performance.now() - startMs) / 1000;
  const cpu = process.cpuUsage(cpuBefore);
  return {
    sampleCount,
    wallSeconds,
    requestMs,
    retryCount,
    generatorCpuSeconds: (cpu.user + cpu.system) / 1e6,
    bytesPerSample: bytes / sampleCount,
  };
}

type SendOne = (body: Uint8Array, sampleCount: number) => Promise<void>;

/**
 * Requests that hold the same series each time. Those of a scrape may pass one another, but a group's next request waits for the answer to its
 * last: no series' samples are ever out of order.
 */
function groupLoad(shape: Shape, connections: number, protocol: LoadProtocol, sendOne: SendOne): () => Promise<unknown> {
  const { groups, scrapesPerRequest } = groupsOf(shape, connections, protocol);
  let nextJob = 0;
  const jobCount = groups.length * Math.ceil(shape.scrapeCount / scrapesPerRequest);
  const connection = async (): Promise<void> => {
    while (nextJob < jobCount) {
      const job = nextJob++;
      const group = groups[job % groups.length]!;
      const firstScrape = Math.floor(job / groups.length) * scrapesPerRequest;
      const sent = group.latest.then(() => {
        const { bytes, sampleCount } = group.prepare(firstScrape, Math.min(scrapesPerRequest, shape.scrapeCount - firstScrape));
        return sendOne(bytes, sampleCount);
      });
      group.latest = sent;
      try {
        await sent;
      } catch (error) {
        // One refusal ends the load: the other connections finish what they have begun and take no more.
        nextJob = jobCount;
        throw error;
      }
    }
  };
  return () => Promise.all(Array.from({ length: connections }, connection));
}

/** A queue of its own for each connection, which sends one request after the other. */
function cutLoad(shape: Shape, connections: number, protocol: LoadProtocol, sendOne: SendOne): () => Promise<unknown> {
  if (protocol === 'otlp') throw new Error('only requests of remote write are cut anew');
  let isRefused = false;
  const drain = async (queue: CutQueue): Promise<void> => {
    try {
      for (let request = queue.next(); request !== undefined && !isRefused; request = queue.next()) await sendOne(request.body, request.sampleCount);
    } catch (error) {
      isRefused = true;
      throw error;
    }
  };
  const queues = queuesOf(shape, connections, protocol);
  return () => Promise.all(queues.map(drain));
}

function retryAfterMs(answer: HttpAnswer): number | undefined {
  const seconds = Number(answer.headers['retry-after']);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
}
