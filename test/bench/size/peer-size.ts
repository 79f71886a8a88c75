import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { http } from '../../processes/http.ts';
import { Sandbox } from '../../processes/sandbox.ts';
import { sleep } from '../../processes/sleep.ts';
import type { Peer, RunningPeer } from '../peers.ts';
import { readAll, sampleCountOf, type CapturedSeries } from './capture.ts';
import { replay } from './replay.ts';
import type { StoredSize } from './varve-size.ts';

const MERGED_MS = 60_000;
const POLL_MS = 500;

export interface PeerSize extends StoredSize {
  /** How many of the values came back as the very doubles that were sent. */
  readonly exactShare: number;
}

/** Writes the series to a server by remote write, reads them back, has it put everything into its final form, and weighs its files. */
export async function sizeInPeer(peer: Peer, series: readonly CapturedSeries[], nowMs: number): Promise<PeerSize> {
  const sandbox = new Sandbox('size');
  try {
    const server = await peer.start(sandbox);
    await replay(series, server.baseUrl);
    // VictoriaMetrics does not store NaN: it is measured by what it does store.
    const stored = peer.name === 'victoria-metrics' ? series.map(withoutNaN).filter(({ values }) => values.length > 0) : series;
    if (peer.name === 'victoria-metrics') await get(new URL('/internal/force_flush', server.baseUrl));
    const exactShare = exactShareOf(await readAll(server.baseUrl, nowMs), stored);
    const weigh = peer.name === 'prometheus' ? weighPrometheus : weighVictoriaMetrics;
    return { sampleCount: sampleCountOf(stored), exactShare, ...(await weigh(server)) };
  } finally {
    await sandbox.close();
  }
}

function withoutNaN({ labels, timestampsMs, values }: CapturedSeries): CapturedSeries {
  return { labels, timestampsMs: timestampsMs.filter((_, i) => !Number.isNaN(values[i]!)), values: values.filter((value) => !Number.isNaN(value)) };
}

/** Throws when a sample is missing: sizes of different data are not worth comparing. */
function exactShareOf(found: readonly CapturedSeries[], wanted: readonly CapturedSeries[]): number {
  const byLabels = new Map(found.map((series) => [series.labels.join('\u0000'), series]));
  let exact = 0;
  for (const { labels, timestampsMs, values } of wanted) {
    const series = byLabels.get(labels.join('\u0000'));
    const count = series?.timestampsMs.length ?? 0;
    if (count !== timestampsMs.length) throw new Error(`${labels.join(' ')}: ${count} samples are there, not ${timestampsMs.length}`);
    values.forEach((value, i) => {
      if (Object.is(value, series!.values[i])) exact++;
    });
  }
  return exact / sampleCountOf(wanted);
}

async function get(url: URL): Promise<void> {
  const answer = await http({ method: 'GET', url });
  if (answer.status >= 300) throw new Error(`${url.href}: ${answer.status} ${answer.body.toString()}`);
}

/** A snapshot is the head written out as a block, as it would be after two hours: chunks, and an index beside them. */
async function weighPrometheus({ baseUrl, dataFolder }: RunningPeer): Promise<Omit<StoredSize, 'sampleCount'>> {
  const answer = await http({ method: 'POST', url: new URL('/api/v1/admin/tsdb/snapshot', baseUrl) });
  if (answer.status !== 200) throw new Error(`prometheus: ${answer.status} ${answer.body.toString()}`);
  const { data } = JSON.parse(answer.body.toString()) as { readonly data: { readonly name: string } };
  const files = filesUnder(join(dataFolder, 'snapshots', data.name));
  return { dataBytes: sum(files.filter(({ path }) => path.includes('/chunks/'))), totalBytes: sum(files) };
}

async function weighVictoriaMetrics({ baseUrl, dataFolder, process }: RunningPeer): Promise<Omit<StoredSize, 'sampleCount'>> {
  await get(new URL('/internal/force_merge', baseUrl));
  await merged(baseUrl);
  await process.stop();
  const data = filesUnder(join(dataFolder, 'data'));
  return { dataBytes: sum(data), totalBytes: sum([...data, ...filesUnder(join(dataFolder, 'indexdb'))]) };
}

/** The merge is asked for and goes on by itself; it is over when none has been active at two looks. */
async function merged(baseUrl: URL): Promise<void> {
  const deadlineMs = performance.now() + MERGED_MS;
  for (let restedFor = 0; restedFor < 2; ) {
    await sleep(POLL_MS);
    const text = (await http({ method: 'GET', url: new URL('/metrics', baseUrl) })).body.toString();
    const active = [...text.matchAll(/^vm_active_merges\{[^}]*\} (\d+)$/gm)].reduce((count, [, number]) => count + Number(number), 0);
    restedFor = active === 0 ? restedFor + 1 : 0;
    if (performance.now() > deadlineMs) throw new Error(`victoria-metrics still merges after ${MERGED_MS / 1000} s`);
  }
}

interface WeighedFile {
  readonly path: string;
  readonly bytes: number;
}

/** Lengths, not blocks: at a megabyte or two, the rest of a file's last block would count for whom has more files. */
function filesUnder(folder: string): WeighedFile[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path, bytes: lstatSync(path).size }));
}

function sum(files: readonly WeighedFile[]): number {
  return files.reduce((bytes, file) => bytes + file.bytes, 0);
}
