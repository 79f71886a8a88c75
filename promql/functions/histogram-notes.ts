import {
  mixedExponentialCustomHistograms,
  nativeHistogramNotCounter,
  nativeHistogramNotGauge,
  reconciledCustomBuckets,
  type Annotation,
} from '../annotations.ts';

/** What is to be said about an operation on the histograms of one series. */
export type HistogramNote = 'not-counter' | 'not-gauge' | 'mixed-schemas' | 'reconciled-in-addition' | 'reconciled-in-subtraction';

/** A histogram and the notes on how it came about; without the histogram, the notes say why there is none. */
export interface NotedHistogram<T> {
  readonly result: T | undefined;
  readonly notes: ReadonlySet<HistogramNote>;
}

export function noteText(note: HistogramNote, metricName: string): Annotation {
  switch (note) {
    case 'not-counter':
      return nativeHistogramNotCounter(metricName);
    case 'not-gauge':
      return nativeHistogramNotGauge(metricName);
    case 'mixed-schemas':
      return mixedExponentialCustomHistograms(metricName);
    case 'reconciled-in-addition':
      return reconciledCustomBuckets('addition');
    case 'reconciled-in-subtraction':
      return reconciledCustomBuckets('subtraction');
  }
}
