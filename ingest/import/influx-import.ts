import { InfluxLine } from '../../proto/influx-line.ts';
import { latin1Text } from '../../proto/latin1-text.ts';
import { asciiText } from '../../proto/number-bytes.ts';
import { METRIC_NAME } from '../../storage/model/labels.ts';
import type { Invalid } from '../validate.ts';
import type { ImportSeries } from './import-batches.ts';
import { OpenLine } from './open-line.ts';
import { SeriesTextCache } from './series-text-cache.ts';
import { importSeries, quoteLine, rejectTooLong, type ImportContext, type LineFormat } from './text-import.ts';

const DATABASE_LABEL = 'db';
/** Of a label's name or value in an array: the texts of tags are their head's. */
const REFERENCE_BYTES = 8;

/** The measurement and tags of lines, with the series of the fields seen with them. */
interface Head {
  readonly parts: readonly string[];
  readonly series: Map<string, ImportSeries>;
}

/**
 * Imports the Influx line protocol. Each field that is a number or a boolean is a sample of the series `measurement_field`, also when the
 * field is called `value`, with the tags as labels; without a measurement it is `field`. That is what VictoriaMetrics makes of it, so that
 * its dashboards fit, and so does the label `db`. Names are taken as they are, since any UTF-8 is a valid name. Texts cannot be samples: they are passed over and counted.
 */
export class InfluxImport implements LineFormat {
  readonly isLarge = false;
  readonly #context: ImportContext;
  readonly #database: string;
  readonly #line: InfluxLine;
  readonly #heads: SeriesTextCache<Head>;
  readonly #open: OpenLine;
  #seriesCount = 0;
  #textFields = 0;

  /** `database` becomes the label `db` of points without such a tag; none when it is empty. */
  constructor(context: ImportContext, precision: string, database: string) {
    this.#context = context;
    this.#database = database;
    this.#line = new InfluxLine(precision);
    this.#heads = new SeriesTextCache(context.limits.importSeriesCacheEntriesMax, context.limits.importSeriesCacheBytesMax);
    this.#open = new OpenLine(context.limits.importLineBytesMax);
  }

  /** Fields passed over since they are texts. */
  get textFields(): number {
    return this.#textFields;
  }

  line(bytes: Uint8Array, start: number, end: number, number: number): void {
    const open = this.#open;
    if (open.isEmpty) {
      const result = this.#line.parse(bytes, start, end);
      if (result !== 'open') return this.#take(result, bytes, start, end, number);
      open.begin(bytes, start, end, number);
      // Where its parts stand now.
      this.#line.parse(open.bytes, 0, open.length);
      return;
    }
    const result = open.add(bytes, start, end) ? this.#line.resume(open.bytes, open.length) : 'too long';
    if (result === 'open') return;
    if (result === 'point') {
      this.#take(result, open.bytes, 0, open.length, open.number);
      return open.clear();
    }
    this.#giveUp();
    if (result === 'too long') this.line(bytes, start, end, number);
  }

  /** The quote was one too many, and not the beginning of a text of several lines: each line is for itself. */
  #giveUp(): void {
    const open = this.#open;
    for (const { start, end, number } of open.lines()) {
      const result = this.#line.parse(open.bytes, start, end);
      this.#take(result === 'open' ? { invalid: 'a text has no closing quote' } : result, open.bytes, start, end, number);
    }
    open.clear();
  }

  /** What a line was parsed to. */
  #take(result: 'point' | 'blank' | Invalid, bytes: Uint8Array, start: number, end: number, number: number): void {
    if (result === 'blank') return;
    const line = this.#line;
    const reject = (samples: number, reason: string): void => {
      this.#context.rejections.add('bad-data', samples, () => `line ${number}: ${reason}: ${quoteLine(bytes, start, end)}`);
    };
    if (result !== 'point') return reject(1, result.invalid);
    const head = this.#headOf(bytes);
    if ('invalid' in head) return reject(line.fieldCount, head.invalid);
    this.#textFields += line.textFieldCount;
    const timestampMs = Number.isNaN(line.timestampMs) ? this.#context.defaultTimestampMs : line.timestampMs;
    for (let field = 0; field < line.fieldCount; field++) {
      const made = this.#seriesOf(head, bytes, field);
      if ('invalid' in made) reject(1, made.invalid);
      else this.#context.batches.sample(made, timestampMs, line.fieldValue[field]!);
    }
  }

  tooLong(number: number): void {
    this.#giveUp();
    rejectTooLong(number, this.#context);
  }

  end(): void {
    this.#giveUp();
  }

  async flush(): Promise<void> {
    // There is nothing but samples.
  }

  #headOf(bytes: Uint8Array): Head | Invalid {
    const { headStart, headEnd } = this.#line;
    const known = this.#heads.find(bytes, headStart, headEnd);
    if (known !== undefined) return known;
    const parts = this.#line.head(bytes);
    if ('invalid' in parts) return parts;
    if (this.#database !== '' && !parts.some((part, i) => i % 2 === 1 && part === DATABASE_LABEL)) parts.push(DATABASE_LABEL, this.#database);
    const head = { parts, series: new Map<string, ImportSeries>() };
    this.#heads.add(bytes, headStart, headEnd, head);
    return head;
  }

  #seriesOf({ parts, series }: Head, bytes: Uint8Array, field: number): ImportSeries | Invalid {
    const [start, end] = [this.#line.fieldNameStart[field]!, this.#line.fieldNameEnd[field]!];
    const key = asciiText(bytes, start, end);
    const known = series.get(key);
    if (known !== undefined) return known;
    const name = this.#line.fieldName(bytes, field);
    if (typeof name !== 'string') return name;
    const [measurement, ...tags] = parts;
    const made = importSeries([METRIC_NAME, measurement === '' ? name : `${measurement}_${name}`, ...tags], this.#context);
    if ('invalid' in made) return made;
    // The heads bound themselves; the series of their fields are bounded here, all together.
    if (++this.#seriesCount > this.#context.limits.importSeriesCacheEntriesMax) {
      this.#heads.clear();
      this.#seriesCount = 0;
    }
    this.#heads.grow(key.length + measurement!.length + name.length + made.labels.length * REFERENCE_BYTES);
    series.set(latin1Text(bytes, start, end), made);
    return made;
  }
}
