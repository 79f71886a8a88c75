import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus, release } from 'node:os';
import type { Peer, PeerName } from './peers.ts';
import { geometricMean, median } from './statistics.ts';

/** One row of the table: a figure that every run has, and how it is written. The ratio of a row says nothing where `hasRatio` is false. */
export interface Measure {
  readonly key: string;
  readonly title: string;
  readonly digits: number;
  readonly hasRatio: boolean;
}

/** One run of one peer, a figure for each measure's key. NaN is what could not be measured. */
export type Run = Readonly<Record<string, number>>;

/** A last row: the geometric mean of the ratios of several measures. Each counts alike, whether it takes a millisecond or a second. */
export interface Summary {
  readonly title: string;
  readonly keys: readonly string[];
}

export interface PeerRuns {
  readonly peer: Pick<Peer, 'name' | 'version'>;
  readonly runs: readonly Run[];
}

/** Varve's figure over a peer's: below one, Varve needs less. */
export interface Ratio {
  readonly peer: PeerName;
  readonly ratios: Readonly<Record<string, number>>;
}

export interface Report {
  readonly bench: string;
  /** The load in words, and in figures. */
  readonly title: string;
  readonly load: Readonly<Record<string, number | string>>;
  readonly measures: readonly Measure[];
  readonly summaries?: readonly Summary[];
  readonly peers: readonly PeerRuns[];
  /** What must be said beside the figures: skipped peers, answers that differ. */
  readonly notes: readonly string[];
  /** False when a peer lost samples or Varve's answers differ. */
  readonly isSound: boolean;
}

/** `1,234,567`. */
export function count(number: number): string {
  return number.toLocaleString('en-US');
}

export function medians(runs: readonly Run[], measures: readonly Measure[]): Record<string, number> {
  return Object.fromEntries(measures.map(({ key }) => [key, median(runs.map((run) => run[key] ?? Number.NaN))]));
}

export function ratiosOfVarve(report: Report): Ratio[] {
  const varve = report.peers.find(({ peer }) => peer.name === 'varve');
  if (varve === undefined) return [];
  const measures = report.measures.filter((measure) => measure.hasRatio);
  const ours = medians(varve.runs, measures);
  return report.peers
    .filter((other) => other !== varve)
    .map(({ peer, runs }) => {
      const theirs = medians(runs, measures);
      return { peer: peer.name, ratios: Object.fromEntries(measures.map(({ key }) => [key, ours[key]! / theirs[key]!])) };
    });
}

/** The report as text: a title, a table with a row a measure and a column a peer and a ratio, notes. */
export function formatReport(report: Report): string {
  const ratios = ratiosOfVarve(report);
  const columns = report.peers.map(({ runs }) => medians(runs, report.measures));
  const header = ['', ...report.peers.map(({ peer }) => `${peer.name} ${peer.version}`), ...ratios.map(({ peer }) => `varve / ${peer}`)];
  const rows = report.measures.map((measure) => [
    measure.title,
    ...columns.map((column) => formatNumber(column[measure.key], measure.digits)),
    ...ratios.map((ratio) => (measure.hasRatio ? formatNumber(ratio.ratios[measure.key], 2) : '')),
  ]);
  const summaries = ratios.length === 0 ? [] : (report.summaries ?? []).map(({ title, keys }) => [
    title,
    ...columns.map(() => ''),
    ...ratios.map((ratio) => formatNumber(summarize(ratio, keys), 2)),
  ]);
  const table = report.peers.length === 0 ? ['nothing to measure'] : alignColumns([header, ...rows, ...summaries]);
  return [report.title, '', ...table, '', ...report.notes.map((note) => `- ${note}`)].join('\n').trimEnd();
}

/** Over the ratios that are numbers: what was too short for the clock on one side has none. */
function summarize(ratio: Ratio, keys: readonly string[]): number {
  return geometricMean(keys.map((key) => ratio.ratios[key] ?? Number.NaN).filter((value) => value > 0 && Number.isFinite(value)));
}

/** The same as data. NaN becomes null, as JSON has no other word for it. */
export function writeJsonReport(path: string, report: Report): void {
  const data = {
    bench: report.bench,
    title: report.title,
    isSound: report.isSound,
    host: { cpu: cpus()[0]?.model ?? 'unknown', cores: availableParallelism(), kernel: release(), node: process.version },
    load: report.load,
    measures: report.measures,
    peers: report.peers.map(({ peer, runs }) => ({ name: peer.name, version: peer.version, median: medians(runs, report.measures), runs })),
    ratiosOfVarve: ratiosOfVarve(report),
    geometricMeansOfRatios: ratiosOfVarve(report).map((ratio) => ({
      peer: ratio.peer,
      means: Object.fromEntries((report.summaries ?? []).map(({ title, keys }) => [title, summarize(ratio, keys)])),
    })),
    notes: report.notes,
  };
  writeFileSync(path, `${JSON.stringify(data, null, 2)}\n`);
}

function formatNumber(value: number | undefined, digits: number): string {
  // A ratio to a figure too small for the clock is not a number either.
  if (value === undefined || !Number.isFinite(value)) return '–';
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** The first column to the left, figures to the right. */
function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const align = (cell: string, column: number): string => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!));
  return rows.map((row) => row.map(align).join('  ').trimEnd());
}
