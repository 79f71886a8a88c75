import type { BenchOptions } from '../options.ts';
import { findPeers, type Peer } from '../peers.ts';
import type { Measure, Report, Run } from '../report.ts';
import { captureScrapes, readCapture, sampleCountOf, shareAtRest, thinned, writeCapture, type Capture } from './capture.ts';
import { noisySeries } from './noisy.ts';
import { sizeInPeer } from './peer-size.ts';
import { sizeInVarve } from './varve-size.ts';

const SCRAPES = 2_000;
const INTERVAL_MS = 250;
const TINY_SCRAPES = 40;
/** Thinned to about this, to see how the figures move towards intervals that are usual. */
const THINNED_INTERVAL_MS = 2_000;
/** Pelkonen et al., VLDB 2015, section 4.1: what Facebook's own data took, at two hours a block. */
const GORILLA_BYTES_PER_SAMPLE = 1.37;

/**
 * Bytes a sample, at rest: what a captured machine, and noise, take in Varve and in its peers, everything sealed and merged. Without the
 * index, and with it.
 */
export async function benchSize(options: BenchOptions, say: (line: string) => void): Promise<Report> {
  const { seed, isTiny } = options;
  const scrapeCount = options.scrapes ?? (isTiny ? TINY_SCRAPES : SCRAPES);
  const nowMs = Date.now();
  const captured = isTiny ? undefined : await capture(options, scrapeCount, say);
  const dataSets: Record<string, Capture> = {};
  if (captured !== undefined) {
    dataSets['real'] = captured;
    const stride = Math.round(THINNED_INTERVAL_MS / captured.intervalMs);
    if (stride > 1) dataSets['thinned'] = thinned(captured, stride);
  }
  Object.assign(dataSets, noisySeries({ seed, scrapeCount, nowMs }));
  const { peers, missing } = findPeers(options.peers);
  const inexact: string[] = [];
  const measured: { readonly peer: Peer; readonly runs: readonly Run[] }[] = [];
  for (const peer of peers) {
    const run: Record<string, number> = {};
    for (const [key, { series }] of Object.entries(dataSets)) {
      // A capture from a file is as old as the file: the servers see it at the time it was made.
      const endMs = series.reduce((newest, { timestampsMs }) => Math.max(newest, timestampsMs.at(-1) ?? 0), 0);
      const size = peer.name === 'varve' ? { ...sizeInVarve(series, endMs), exactShare: 1 } : await sizeInPeer(peer, series, endMs);
      if (size.exactShare < 1) inexact.push(`${peer.name} gave ${(size.exactShare * 100).toFixed(1)} % of the values of ${key} back exactly`);
      run[`${key}Data`] = size.dataBytes / size.sampleCount;
      run[`${key}Total`] = size.totalBytes / size.sampleCount;
      say(`${peer.name}, ${key}: ${run[`${key}Data`]!.toFixed(3)} bytes a sample, ${run[`${key}Total`]!.toFixed(3)} with index`);
    }
    measured.push({ peer, runs: [run] });
  }
  return {
    bench: 'size',
    title: `size: bytes a sample, sealed and merged${isTiny ? ' (tiny: the figures mean nothing)' : ''}`,
    load: { seed, scrapeCount, intervalMs: captured?.intervalMs ?? 0 },
    measures: Object.keys(dataSets).flatMap(measuresOf),
    peers: measured,
    notes: [
      ...missing,
      ...Object.entries(dataSets).map(([key, set]) => `${key}: ${describe(set)}`),
      ...inexact,
      `Gorilla needed ${GORILLA_BYTES_PER_SAMPLE} bytes a sample on its own data, without an index`,
      ...(captured === undefined ? [] : ['values rest longer between scrapes that follow each other so closely than they do at 15 s: the thinned rows show by how much']),
    ],
    isSound: true,
  };
}

async function capture(options: BenchOptions, scrapeCount: number, say: (line: string) => void): Promise<Capture> {
  if (options.captureFile !== undefined) return readCapture(options.captureFile);
  const captured = await captureScrapes({ intervalMs: options.intervalMs ?? INTERVAL_MS, scrapeCount, seed: options.seed }, say);
  if (options.keepCapture !== undefined) writeCapture(options.keepCapture, captured);
  return captured;
}

function measuresOf(key: string): Measure[] {
  return [
    { key: `${key}Data`, title: `${key}: without index`, digits: 3, hasRatio: true },
    { key: `${key}Total`, title: `${key}: with index`, digits: 3, hasRatio: true },
  ];
}

function describe({ title, series }: Capture): string {
  const atRest = (shareAtRest(series) * 100).toFixed(1);
  return `${title}; ${sampleCountOf(series).toLocaleString('en-US')} samples, ${atRest} % of them equal to the one before`;
}
