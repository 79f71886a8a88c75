import type { FloatHistogram } from '../storage/model/histogram.ts';
import type { Labels } from '../storage/model/labels.ts';

/** What a query evaluates to. Times are Unix milliseconds. */
export type QueryValue = ScalarValue | StringValue | VectorValue | MatrixValue;

export interface ScalarValue {
  readonly kind: 'scalar';
  readonly timestampMs: number;
  readonly value: number;
}

export interface StringValue {
  readonly kind: 'string';
  readonly timestampMs: number;
  readonly value: string;
}

/** One point per series, all at `timestampMs`, in the order the expression gives (which `sort`, `topk` and others determine). */
export interface VectorValue {
  readonly kind: 'vector';
  readonly timestampMs: number;
  readonly samples: readonly VectorSample[];
}

export interface VectorSample {
  readonly labels: Labels;
  /** Means nothing when `histogram` is set. */
  readonly value: number;
  readonly histogram: FloatHistogram | undefined;
}

/** Sorted by labels. The result of a range query, and of an instant query for a range vector. */
export interface MatrixValue {
  readonly kind: 'matrix';
  readonly series: readonly MatrixSeries[];
}

/**
 * The points of one series as columns of equal length. Point i lies at `timestampsMs[i]` and exists when `present` is undefined or
 * `present[i]` is not 0; it is `histograms[i]` where that is set and `values[i]` otherwise.
 *
 * All series of a range query share one `timestampsMs` (the steps), so a writer can keep the text of each timestamp. At least one point
 * exists. Nobody may write to these arrays.
 */
export interface MatrixSeries {
  readonly labels: Labels;
  readonly timestampsMs: Float64Array;
  readonly values: Float64Array;
  readonly present: Uint8Array | undefined;
  readonly histograms: readonly (FloatHistogram | undefined)[] | undefined;
}

/** Texts as Prometheus gives them, each once, with the position of the expression they are about. */
export interface QueryAnnotations {
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
  /** Kinds of which there were more than are kept; those are not counted either. */
  readonly cut?: readonly ('warning' | 'info')[];
}

export interface QueryStats {
  /** Samples looked at, summed over all steps: a sample in ten windows counts ten times (Prometheus' totalQueryableSamples). */
  readonly totalQueryableSamples: number;
  /** Samples that the source delivered, each once. */
  readonly samplesRead: number;
  /** Series that the source delivered. */
  readonly seriesRead: number;
  /** The most samples held in memory at one time. */
  readonly peakSamples: number;
}

export interface QueryResult {
  readonly value: QueryValue;
  readonly annotations: QueryAnnotations;
  readonly stats: QueryStats;
  /** The plan as text, when it was asked for. */
  readonly explanation?: string | undefined;
}
