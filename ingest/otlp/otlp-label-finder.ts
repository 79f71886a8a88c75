import type { Point } from '../../proto/otlp-points.ts';
import type { Labels } from '../../storage/model/labels.ts';
import { assert } from '../../storage/runtime/assert.ts';
import type { LabelsOf } from '../outgoing-message.ts';
import type { Invalid } from '../validate.ts';
import { OtlpIdleSink } from './otlp-idle-sink.ts';
import type { OtlpLabels } from './otlp-labels.ts';
import { WHOLE_POINT, type PointParts } from './otlp-parts.ts';

/** Finds the labels of series by their numbers, when a request is walked a second time because a shard does not know them. */
export class OtlpLabelFinder extends OtlpIdleSink {
  readonly #labels: OtlpLabels;
  readonly #take: (labels: Labels, place: number) => void;
  /** By number, the place among those that are wanted; what has been found is out of it. */
  readonly #places = new Map<number, number>();
  #source = 0;
  #start = 0;
  #end = 0;
  #field = 0;
  #parts: PointParts = WHOLE_POINT;

  constructor(labels: OtlpLabels, ...[wanted, take]: Parameters<LabelsOf>) {
    super();
    this.#labels = labels;
    this.#take = take;
    for (let place = 0; place < wanted.length; place++) this.#places.set(wanted[place]!, place);
  }

  /** The request has been walked: all are known to be there and valid, since they have been asked for by their ids. */
  finish(): void {
    assert(this.#places.size === 0, `${this.#places.size} series have ids but no valid labels`);
  }

  override point(point: Point, field: number, parts: PointParts): void {
    this.#start = point.attributesStart;
    this.#end = point.attributesEnd;
    this.#field = field;
    this.#parts = parts;
  }

  override begin(part: number): void {
    const source = this.#source++;
    if (this.#places.has(source)) this.#hand(source, this.#labels.ofSeries(this.#start, this.#end, this.#field, this.#parts.naming(part)));
  }

  override floats(part: number, count: number): void {
    for (let i = 0; i < count; i++) this.begin(part + i);
  }

  override beginTargetInfo(): void {
    const source = this.#source++;
    if (this.#places.has(source)) this.#hand(source, this.#labels.ofTargetInfo());
  }

  #hand(source: number, labels: Labels | Invalid | undefined): void {
    if (labels === undefined || 'invalid' in labels) return;
    this.#take(labels, this.#places.get(source)!);
    this.#places.delete(source);
  }
}
