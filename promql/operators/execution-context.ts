import type { Annotations } from '../annotations.ts';
import type { Budget } from '../budget.ts';
import type { FetchedSeries } from './fetched-series.ts';
import type { Stopwatch } from './measured.ts';
import type { SeriesSource } from '../series-source.ts';

/** Ways of Prometheus that are behind flags there. */
export interface EngineFeatures {
  readonly delayedNameRemoval: boolean;
  readonly useStartTimestamps: boolean;
  readonly typeAndUnitLabels: boolean;
}

/** What the operators of one query share. */
export interface ExecutionContext {
  readonly source: SeriesSource;
  readonly budget: Budget;
  readonly annotations: Annotations;
  readonly features: EngineFeatures;
  /** By the plan's fetch index. */
  readonly fetched: readonly FetchedSeries[];
  /** Set when operators are to be measured. */
  readonly stopwatch: Stopwatch | undefined;
}
