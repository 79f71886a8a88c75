import { parseArgs } from 'node:util';
import { PEER_NAMES, type PeerName } from './peers.ts';
import { SAMPLES_PER_REQUEST } from './shapes.ts';

const BENCH_NAMES = ['api', 'ingest', 'query', 'size', 'rows', 'memory', 'append', 'store', 'tiers', 'cost'] as const;
export type BenchName = (typeof BENCH_NAMES)[number];

/** Of `tiers`: bytes a sample, flush and ingest beside it, queries, and the heap during whichever of the two there is. */
const TIERS_PARTS = ['size', 'flush', 'queries', 'heap'] as const;
export type TiersPart = (typeof TIERS_PARTS)[number];

export interface BenchOptions {
  readonly bench: BenchName;
  readonly peers: readonly PeerName[];
  /** How often each peer is started and measured; the table shows medians. */
  readonly repeat: number;
  /** Small enough for a test run: it shows that the bench works, its figures mean nothing. */
  readonly isTiny: boolean;
  readonly jsonFile: string | undefined;
  readonly seed: number;
  /** Ingest: how many samples are sent, rounded up to whole scrapes. */
  readonly samples: number | undefined;
  /** Append: only with so many series. Ingest: so many. Tiers: so many to be queried. */
  readonly series: number | undefined;
  /** Ingest: connections at once. */
  readonly connections: number;
  /** Ingest: requests of remote write hold other series each time, as a Prometheus' do. */
  readonly isCut: boolean;
  /** Ingest, rows and cost: samples a request. */
  readonly samplesPerRequest: number;
  /** Query and api: how often each is timed. */
  readonly runs: number | undefined;
  /** Size: how many scrapes are captured, and how far apart. */
  readonly scrapes: number | undefined;
  readonly intervalMs: number | undefined;
  /** Size: a capture to take instead of making one, and where to keep one that is made. */
  readonly captureFile: string | undefined;
  readonly keepCapture: string | undefined;
  /** Tiers: what is measured. */
  readonly parts: readonly TiersPart[];
}

export const USAGE = `usage: npm run bench -- ${BENCH_NAMES.join('|')} [options]
       npm run bench -- doors [--tiny] [--series N] [--json FILE]
  --peers NAMES      which servers, comma separated: ${PEER_NAMES.join(',')}
  --repeat N         start and measure each server N times, show medians (3; tiny: 1)
  --tiny             a few seconds only, to see that it works
  --json FILE        write the report as data too
  --seed N           another load of the same shape (1)
  --samples N        ingest, rows, append: how many samples (24,000,000; 4,000,000; 8,000,000)
  --series N         append: only with so many series, a multiple of 1,000 (from 1,000 to 200,000); ingest: so many, a multiple of 1,000 (40,000); tiers: queried ones (10,000)
  --connections N    ingest: connections at once (4)
  --per-request N    ingest, rows, cost: samples a request (2,000, as Prometheus sends them by default)
  --cut              ingest: no two requests hold the same series, as a Prometheus cuts them; remote write alone
  --runs N           query, api, tiers: how often each is timed (30; api: 20)
  --scrapes N        size, tiers: how many scrapes are captured (2,000)
  --interval MS      size, tiers: milliseconds between them (250, which takes 9 minutes; 15000 is what is usual, and takes 8 hours)
  --keep FILE        size, tiers: keep the capture
  --capture FILE     size, tiers: take one that was kept
  --parts NAMES      tiers: only these, comma separated: ${TIERS_PARTS.join(',')} (heap is looked at beside flush and queries)`;

export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export function parseOptions(args: readonly string[]): BenchOptions {
  const { values, positionals } = parse(args);
  const [bench, ...rest] = positionals;
  const name = BENCH_NAMES.find((known) => known === bench);
  if (name === undefined || rest.length > 0) throw new UsageError(`say which bench: ${BENCH_NAMES.join(', ')}`);
  const isTiny = values.tiny;
  return {
    bench: name,
    peers: values.peers === undefined ? PEER_NAMES : values.peers.split(',').map(peerName),
    repeat: count('repeat', values.repeat) ?? (isTiny ? 1 : 3),
    isTiny,
    jsonFile: values.json,
    seed: count('seed', values.seed) ?? 1,
    samples: count('samples', values.samples),
    series: count('series', values.series),
    connections: count('connections', values.connections) ?? 4,
    samplesPerRequest: count('per-request', values['per-request']) ?? SAMPLES_PER_REQUEST,
    isCut: values.cut,
    runs: count('runs', values.runs),
    scrapes: count('scrapes', values.scrapes),
    intervalMs: count('interval', values.interval),
    captureFile: values.capture,
    keepCapture: values.keep,
    parts: values.parts === undefined ? TIERS_PARTS : values.parts.split(',').map(tiersPart),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        peers: { type: 'string' },
        repeat: { type: 'string' },
        tiny: { type: 'boolean', default: false },
        json: { type: 'string' },
        seed: { type: 'string' },
        samples: { type: 'string' },
        series: { type: 'string' },
        connections: { type: 'string' },
        'per-request': { type: 'string' },
        cut: { type: 'boolean', default: false },
        runs: { type: 'string' },
        scrapes: { type: 'string' },
        interval: { type: 'string' },
        capture: { type: 'string' },
        keep: { type: 'string' },
        parts: { type: 'string' },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function peerName(text: string): PeerName {
  const name = PEER_NAMES.find((known) => known === text.trim());
  if (name === undefined) throw new UsageError(`no such peer: ${text} (there are ${PEER_NAMES.join(', ')})`);
  return name;
}

function tiersPart(text: string): TiersPart {
  const name = TIERS_PARTS.find((known) => known === text.trim());
  if (name === undefined) throw new UsageError(`no such part: ${text} (there are ${TIERS_PARTS.join(', ')})`);
  return name;
}

function count(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,11}$/.test(text)) throw new UsageError(`--${option} takes a positive whole number, not ${text}`);
  return Number(text);
}
