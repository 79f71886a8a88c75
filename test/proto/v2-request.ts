import { encodeReferenceV2, type ReferenceHistogram } from './reference-messages.ts';

/** A series of a 2.0 request as tests like to write it: strings in place of references. */
export interface V2Series {
  /** Name, value, …, in the order in which they are sent. */
  readonly labels: readonly string[];
  readonly samples?: readonly { readonly value?: number; readonly timestamp?: number; readonly startTimestamp?: number }[];
  readonly histograms?: readonly ReferenceHistogram[];
  readonly exemplars?: readonly { readonly labels?: readonly string[]; readonly value?: number; readonly timestamp?: number }[];
  readonly metadata?: { readonly type?: number; readonly help?: string; readonly unit?: string };
  readonly createdTimestamp?: number;
}

/** A 2.0 request, uncompressed, as protobufjs encodes it: the table holds each string once, the empty one first. */
export function v2Request(...all: readonly V2Series[]): Uint8Array {
  const symbols = [''];
  const refs = new Map([['', 0]]);
  const refOf = (text: string): number => {
    let ref = refs.get(text);
    if (ref === undefined) refs.set(text, (ref = symbols.push(text) - 1));
    return ref;
  };
  const timeseries = all.map(({ labels, metadata, exemplars = [], ...series }) => ({
    ...series,
    labelsRefs: labels.map(refOf),
    exemplars: exemplars.map(({ labels: exemplarLabels = [], ...exemplar }) => ({ ...exemplar, labelsRefs: exemplarLabels.map(refOf) })),
    ...(metadata === undefined ? {} : { metadata: { type: metadata.type ?? 0, helpRef: refOf(metadata.help ?? ''), unitRef: refOf(metadata.unit ?? '') } }),
  }));
  return encodeReferenceV2({ symbols, timeseries });
}
