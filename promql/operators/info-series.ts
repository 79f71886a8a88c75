import { keepLabels, labelsKey, labelValue, METRIC_NAME, setLabel } from '../../storage/model/labels.ts';
import type { Labels } from '../../storage/model/labels.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import { lastReferenceMs } from '../plan/step-grid.ts';
import type { ReferenceTimes } from '../plan/step-grid.ts';
import type { RawSeries } from '../series-source.ts';
import type { ExecutionContext } from './execution-context.ts';
import { FetchedSeries } from './fetched-series.ts';
import { formatLabelSet } from './format-label-set.ts';
import { IDENTIFYING_LABELS, isIdentified } from './info-selector.ts';
import type { InfoSelector } from './info-selector.ts';
import { NewestSamples, NO_SAMPLE } from './newest-samples.ts';

const IDENTIFYING = new Set(IDENTIFYING_LABELS);
const NO_INFO = -1;

/** For one target and one info metric, which info series holds at each step: the one with the newest sample. */
interface TargetInfo {
  readonly seriesAt: Int32Array;
  readonly sampleMsAt: Float64Array;
}

/** What info series say about targets over time. */
export class InfoLabels {
  readonly #selector: InfoSelector;
  readonly #series: readonly Labels[];
  /** By target, then by info metric. */
  readonly #targets: ReadonlyMap<string, ReadonlyMap<string, TargetInfo>>;

  constructor(selector: InfoSelector, series: readonly Labels[], targets: ReadonlyMap<string, ReadonlyMap<string, TargetInfo>>) {
    this.#selector = selector;
    this.#series = series;
    this.#targets = targets;
  }

  /** A function from the step to a series' labels with the info labels added; undefined where the series is to be dropped. */
  forSeries(labels: Labels): (step: number) => Labels | undefined {
    const infos = isIdentified(labels) ? [...(this.#targets.get(targetKey(labels))?.values() ?? [])] : [];
    const known = new Map<string, Labels>();
    return (step) => {
      const series = infos.map(({ seriesAt }) => seriesAt[step]!).filter((index) => index !== NO_INFO);
      if (series.length === 0 && !this.#selector.allowsMissing) return undefined;
      const key = series.join();
      let result = known.get(key);
      if (result === undefined) known.set(key, (result = this.#join(labels, series)));
      return result;
    };
  }

  #join(labels: Labels, infoSeries: readonly number[]): Labels {
    const added = new Map<string, string>();
    for (const index of infoSeries) {
      const info = this.#series[index]!;
      for (let i = 0; i < info.length; i += 2) {
        const name = info[i]!;
        const value = info[i + 1]!;
        if (!this.#selector.takesLabel(name)) continue;
        if ((added.get(name) ?? value) !== value) throw new VarveError('execution', `conflicting label: ${name}`);
        if (labelValue(labels, name) === '') added.set(name, value);
      }
    }
    let result = labels;
    for (const [name, value] of added) result = setLabel(result, name, value);
    return result;
  }
}

/** Reads the info series of these series. Their own time is the selector's, so that `info(x offset 1h)` sees what held an hour ago. */
export async function readInfoSeries(
  selector: InfoSelector, described: readonly Labels[], reference: ReferenceTimes, lookbackMs: number, context: ExecutionContext,
): Promise<InfoLabels> {
  const series: Labels[] = [];
  const targets = new Map<string, Map<string, TargetInfo>>();
  const matchers = selector.matchersFor(described);
  if (matchers !== undefined && reference.count > 0) {
    const fetch = { matchers, startMs: reference.firstMs - lookbackMs + 1, endMs: lastReferenceMs(reference), consumerCount: 1 };
    const fetched = new FetchedSeries(fetch, context.source, context.budget, context.fetched.length + 1);
    try {
      const reader = fetched.open();
      const newest = new NewestSamples(reference, lookbackMs);
      for (let raw = await reader.next(); raw !== undefined; raw = await reader.next()) {
        series.push(raw.labels);
        addInfo(raw, series, targets, newest.find(raw));
      }
    } finally {
      await fetched.close();
    }
  }
  return new InfoLabels(selector, series, targets);
}

/** Adds the series that was pushed last. */
function addInfo(raw: RawSeries, series: readonly Labels[], targets: Map<string, Map<string, TargetInfo>>, newest: Int32Array): void {
  const key = targetKey(raw.labels);
  const byMetric = targets.get(key) ?? new Map<string, TargetInfo>();
  targets.set(key, byMetric);
  const metricName = labelValue(raw.labels, METRIC_NAME);
  let info = byMetric.get(metricName);
  if (info === undefined) {
    info = { seriesAt: new Int32Array(newest.length).fill(NO_INFO), sampleMsAt: new Float64Array(newest.length) };
    byMetric.set(metricName, info);
  }
  for (let step = 0; step < newest.length; step++) {
    const index = newest[step]!;
    if (index === NO_SAMPLE) continue;
    if (raw.histograms?.[index] !== undefined) {
      throw new VarveError('execution', `this should be an info metric, with float samples: ${formatLabelSet(raw.labels)}`);
    }
    const sampleMs = raw.timestampsMs[index]!;
    const existing = info.seriesAt[step]!;
    if (existing !== NO_INFO && info.sampleMsAt[step] === sampleMs) {
      throw new VarveError(
        'execution',
        `found duplicate series for info metric: existing ${formatLabelSet(series[existing]!)} @ ${sampleMs}, new ${formatLabelSet(raw.labels)} @ ${sampleMs}`,
      );
    }
    if (existing !== NO_INFO && info.sampleMsAt[step]! > sampleMs) continue;
    info.seriesAt[step] = series.length - 1;
    info.sampleMsAt[step] = sampleMs;
  }
}

function targetKey(labels: Labels): string {
  return labelsKey(keepLabels(labels, IDENTIFYING));
}
