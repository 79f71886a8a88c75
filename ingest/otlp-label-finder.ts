import type { Labels } from '../storage/model/labels.ts';
import { must } from '../storage/runtime/assert.ts';
import type { Point } from '../proto/otlp-points.ts';
import { OtlpIdleSink } from './otlp-idle-sink.ts';
import type { OtlpLabels } from './otlp-labels.ts';
import { WHOLE_POINT, type PointParts } from './otlp-parts.ts';

/** Finds the labels of series by their numbers, when a request is walked a second time because a shard does not know them. */
export class OtlpLabelFinder extends OtlpIdleSink {
  readonly #labels: OtlpLabels;
  readonly #wanted: ReadonlySet<number>;
  readonly #found = new Map<number, Labels>();
  #source = 0;
  #start = 0;
  #end = 0;
  #field = 0;
  #parts: PointParts = WHOLE_POINT;

  constructor(labels: OtlpLabels, wanted: readonly number[]) {
    super();
    this.#labels = labels;
    this.#wanted = new Set(wanted);
  }

  /** Known to be valid, since they have been asked for by their ids. */
  labelsOf(source: number): Labels {
    return must(this.#found.get(source), `series ${source} has an id but no valid labels`);
  }

  override point(point: Point, field: number, parts: PointParts): void {
    this.#start = point.attributesStart;
    this.#end = point.attributesEnd;
    this.#field = field;
    this.#parts = parts;
  }

  override begin(part: number): void {
    const source = this.#source++;
    if (this.#wanted.has(source)) this.#keep(source, this.#labels.ofSeries(this.#start, this.#end, this.#field, this.#parts.naming(part)));
  }

  override floats(part: number, count: number): void {
    for (let i = 0; i < count; i++) this.begin(part + i);
  }

  override beginTargetInfo(): void {
    const source = this.#source++;
    if (this.#wanted.has(source)) this.#keep(source, this.#labels.ofTargetInfo());
  }

  #keep(source: number, labels: Labels | { readonly invalid: string } | undefined): void {
    if (labels !== undefined && !('invalid' in labels)) this.#found.set(source, labels);
  }
}
