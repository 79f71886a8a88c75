import type { Point } from '../../proto/otlp-points.ts';
import type { Labels } from '../../storage/model/labels.ts';
import { OtlpIdleSink } from './otlp-idle-sink.ts';
import type { OtlpLabels } from './otlp-labels.ts';

/** Thrown to end a walk: the rest of the message is not wanted. */
export const SENDER_FOUND = Symbol('sender found');

/**
 * Finds what a request says of who sent it: the labels of its first point that can be taken, and all attributes of its resource, promoted or
 * not. The walk ends there with SENDER_FOUND.
 */
export class OtlpSender extends OtlpIdleSink {
  readonly #labels: OtlpLabels;
  /** `undefined` when there is no point, or its attributes cannot be read. */
  found: Labels | undefined;

  constructor(labels: OtlpLabels) {
    super();
    this.#labels = labels;
  }

  override point(point: Point, field: number): void {
    this.found = this.#labels.ofSender(point.attributesStart, point.attributesEnd, field);
    throw SENDER_FOUND;
  }
}
