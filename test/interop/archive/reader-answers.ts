/** Where a reader finds a catalog, and with what. */
export interface ReaderTask {
  /** `http://host:port`. */
  readonly baseUrl: string;
  readonly bucket: string;
  readonly tenant: string;
  readonly key: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Sees the server's own metrics. */
  readonly operatorKey: string;
  readonly metric: string;
  readonly zone: string;
  /** ISO 8601, UTC; the second excluded. */
  readonly from: string;
  readonly to: string;
}

/** Rows and the sum of their values. */
export type CountAndSum = readonly [count: number, sum: number];

/** What every reader is asked, each in its own language. */
export interface ReaderAnswers {
  /** Names of the tables, where the reader lists them through the catalog. */
  readonly tables?: readonly string[];
  readonly byMetric: Readonly<Record<string, CountAndSum>>;
  /** Of one metric, one zone and a range of time. */
  readonly selected: CountAndSum;
  /** Files that are planned: of the whole table, of the range of time, and of a metric that no file can have; where the reader says so. */
  readonly files?: readonly [all: number, ofRange: number, ofNoMetric: number];
  /** What became of an attempt to write. */
  readonly write?: 'refused' | 'accepted';
}

/** Readers add the same floats in other orders. */
const TOLERANCE = 1e-9;

/** What differs between two answers to the same questions; `undefined`: nothing. */
export function difference(got: Pick<ReaderAnswers, 'byMetric' | 'selected'>, wanted: Pick<ReaderAnswers, 'byMetric' | 'selected'>): string | undefined {
  const metrics = (answers: Pick<ReaderAnswers, 'byMetric'>): string => Object.keys(answers.byMetric).sort().join(', ');
  if (metrics(got) !== metrics(wanted)) return `it found the metrics ${metrics(got)}, and not ${metrics(wanted)}`;
  const different = Object.entries(wanted.byMetric).find(([metric, answer]) => !isSame(got.byMetric[metric]!, answer));
  if (different !== undefined) return `of ${different[0]} it has ${String(got.byMetric[different[0]])}, and not ${String(different[1])}`;
  return isSame(got.selected, wanted.selected) ? undefined : `of one zone and day it has ${String(got.selected)}, and not ${String(wanted.selected)}`;
}

function isSame([gotCount, gotSum]: CountAndSum, [count, sum]: CountAndSum): boolean {
  return gotCount === count && Math.abs(gotSum - sum) <= TOLERANCE * Math.abs(sum);
}

/** The last line that a reader's program prints is its answers as JSON. */
export function readAnswers(output: string): ReaderAnswers {
  return JSON.parse(output.trim().split('\n').at(-1)!) as ReaderAnswers;
}
