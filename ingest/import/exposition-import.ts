import { parseCommentLine, type MetadataLine } from '../../proto/exposition-metadata.ts';
import { ExpositionLine } from '../../proto/text-exposition.ts';
import type { Labels } from '../../storage/model/labels.ts';
import type { MetadataEntry, MetricType } from '../../storage/model/metadata.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import { exemplarLabels } from '../exemplar-labels.ts';
import type { MetadataSink } from '../metadata-sink.ts';
import type { Invalid } from '../validate.ts';
import { floatLabelOf, normalizeFloatLabel, type FloatLabel } from './float-label.ts';
import type { ImportSeries } from './import-batches.ts';
import { SeriesTextCache } from './series-text-cache.ts';
import { StartedPoints } from './started-points.ts';
import { importSeries, quoteLine, rejectTooLong, type ImportContext, type LineFormat } from './text-import.ts';

const METRIC_TYPES: Readonly<Record<string, MetricType>> = {
  counter: 'counter',
  gauge: 'gauge',
  histogram: 'histogram',
  gaugehistogram: 'gaugehistogram',
  summary: 'summary',
  info: 'info',
  stateset: 'stateset',
  unknown: 'unknown',
  untyped: 'unknown',
};

interface Family {
  readonly metric: string;
  type: MetricType;
  help: string;
  unit: string;
}

/** What a series' text was made into, and under which label to normalise. */
interface KnownSeries {
  series: ImportSeries;
  floatLabel: FloatLabel;
}

/** What an entry without any text takes, about. */
const FAMILY_CHARACTERS = 64;

/** Imports Prometheus' text format or OpenMetrics. A bad line is counted and quoted, and costs nothing else. */
export class ExpositionImport implements LineFormat {
  readonly #context: ImportContext;
  readonly #metadata: MetadataSink;
  readonly #isOpenMetrics: boolean;
  readonly #line: ExpositionLine;
  readonly #cache: SeriesTextCache<KnownSeries>;
  readonly #points: StartedPoints;
  /** By the last TYPE line, whatever it was for: that is how Prometheus reads on, and its series and these must be the same. */
  #floatLabel: FloatLabel = '';
  /** Whose comments are being read. */
  #family: Family | undefined;
  /** Whose comments have all been seen, and how long they are. */
  #families: MetadataEntry[] = [];
  #familyCharacters = 0;
  #hasEnded = false;

  constructor(context: ImportContext, metadata: MetadataSink, isOpenMetrics: boolean) {
    const { limits } = context;
    this.#context = context;
    this.#metadata = metadata;
    this.#isOpenMetrics = isOpenMetrics;
    this.#line = new ExpositionLine(isOpenMetrics ? 'seconds' : 'either');
    this.#cache = new SeriesTextCache(limits.importSeriesCacheEntriesMax, limits.importSeriesCacheBytesMax);
    this.#points = new StartedPoints(limits.importPointSamplesMax, (sample, startMs) => {
      context.batches.sample(sample.series, sample.timestampMs, sample.value, startMs);
      const { exemplar } = sample;
      if (exemplar !== undefined) context.batches.exemplar(sample.series, exemplar.timestampMs, exemplar.value, exemplar.labels);
    });
  }

  get isLarge(): boolean {
    return this.#familyCharacters >= this.#context.limits.metadataPageCharactersTarget;
  }

  line(bytes: Uint8Array, start: number, end: number, number: number): void {
    const result = this.#line.parse(bytes, start, end);
    if (result === 'blank') return;
    if (result === 'comment') this.#takeComment(bytes, start, end);
    else {
      const reason = result === 'sample' ? this.#takeSample(bytes, number) : result.invalid;
      if (reason !== undefined) this.#context.rejections.add('bad-data', 1, () => `line ${number}: ${reason}: ${quoteLine(bytes, start, end)}`);
    }
  }

  tooLong(number: number): void {
    rejectTooLong(number, this.#context);
  }

  end(): void {
    this.#points.flush();
    this.#endFamily();
    if (this.#isOpenMetrics && !this.#hasEnded) {
      this.#context.rejections.add('bad-data', 0, () => 'the text does not end with "# EOF", as OpenMetrics must: some of it may be missing');
    }
  }

  async flush(shards: TenantShards): Promise<void> {
    const families = this.#families;
    this.#families = [];
    this.#familyCharacters = 0;
    if (families.length > 0) await this.#metadata.note(shards, families);
  }

  #takeSample(bytes: Uint8Array, number: number): string | undefined {
    const line = this.#line;
    if (this.#hasEnded) return 'it stands behind "# EOF"';
    const series = this.#findSeries(bytes);
    if ('invalid' in series) return series.invalid;
    const timestampMs = Number.isNaN(line.timestampMs) ? this.#context.defaultTimestampMs : line.timestampMs;
    const exemplar = line.hasExemplar ? this.#readExemplar(bytes, timestampMs, number) : undefined;
    // Only OpenMetrics has lines that say when something began, and only for them does a sample have to become an object.
    if (this.#isOpenMetrics || exemplar !== undefined) this.#points.add({ series, timestampMs, value: line.value, exemplar });
    else this.#context.batches.sample(series, timestampMs, line.value);
    return undefined;
  }

  #findSeries(bytes: Uint8Array): ImportSeries | Invalid {
    const line = this.#line;
    const known = this.#cache.find(bytes, line.seriesStart, line.seriesEnd);
    if (known?.floatLabel === this.#floatLabel) return known.series;
    const raw = line.labels(bytes);
    if ('invalid' in raw) return raw;
    normalizeFloatLabel(raw, this.#floatLabel);
    const series = importSeries(raw, this.#context);
    if ('invalid' in series) return series;
    if (known === undefined) this.#cache.add(bytes, line.seriesStart, line.seriesEnd, { series, floatLabel: this.#floatLabel });
    else {
      known.series = series;
      known.floatLabel = this.#floatLabel;
    }
    return series;
  }

  #readExemplar(bytes: Uint8Array, timestampMs: number, number: number): { labels: Labels; timestampMs: number; value: number } | undefined {
    const line = this.#line;
    const raw = line.exemplarLabels(bytes);
    const labels = 'invalid' in raw ? raw : exemplarLabels(raw, this.#context.limits);
    if ('invalid' in labels) {
      this.#context.rejections.add('bad-data', { exemplars: 1 }, () => `line ${number}: the exemplar is refused, the sample is not: ${labels.invalid}`);
      return undefined;
    }
    return { labels, timestampMs: Number.isNaN(line.exemplarTimestampMs) ? timestampMs : line.exemplarTimestampMs, value: line.exemplarValue };
  }

  #takeComment(bytes: Uint8Array, start: number, end: number): void {
    const comment = parseCommentLine(bytes, start, end);
    // In the older format it is a comment like any other.
    if (comment === 'end') this.#hasEnded = this.#isOpenMetrics;
    else if (comment !== 'comment') this.#takeMetadata(comment);
  }

  #takeMetadata({ keyword, metric, text }: MetadataLine): void {
    if (this.#family?.metric !== metric) {
      this.#endFamily();
      this.#family = { metric, type: 'unknown', help: '', unit: '' };
    }
    const family = this.#family!;
    if (keyword === 'HELP') family.help = text;
    else if (keyword === 'UNIT') family.unit = text;
    else {
      family.type = (Object.hasOwn(METRIC_TYPES, text) ? METRIC_TYPES[text] : undefined) ?? 'unknown';
      this.#floatLabel = floatLabelOf(family.type);
      if (this.#isOpenMetrics) this.#points.beginFamily(metric, family.type);
    }
  }

  #endFamily(): void {
    if (this.#family !== undefined) {
      this.#families.push(this.#family);
      this.#familyCharacters += this.#family.metric.length + this.#family.help.length + FAMILY_CHARACTERS;
    }
    this.#family = undefined;
  }
}
