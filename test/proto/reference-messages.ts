import protobuf from 'protobufjs';

/**
 * The messages of remote write as protobufjs encodes and decodes them: an implementation that shares nothing with ours. Field numbers are
 * those of the specifications; names are in camel case, as protobufjs has them.
 */
const HISTOGRAM = `
  oneof count { uint64 count_int = 1; double count_float = 2; }
  double sum = 3;
  sint32 schema = 4;
  double zero_threshold = 5;
  oneof zero_count { uint64 zero_count_int = 6; double zero_count_float = 7; }
  repeated BucketSpan negative_spans = 8;
  repeated sint64 negative_deltas = 9;
  repeated double negative_counts = 10;
  repeated BucketSpan positive_spans = 11;
  repeated sint64 positive_deltas = 12;
  repeated double positive_counts = 13;
  int32 reset_hint = 14;
  int64 timestamp = 15;
  repeated double custom_values = 16;`;

const V1 = `syntax = "proto3"; package prometheus;
  message WriteRequest { repeated TimeSeries timeseries = 1; repeated MetricMetadata metadata = 3; }
  message TimeSeries { repeated Label labels = 1; repeated Sample samples = 2; repeated Exemplar exemplars = 3; repeated Histogram histograms = 4; }
  message Label { string name = 1; string value = 2; }
  message Sample { double value = 1; int64 timestamp = 2; }
  message Exemplar { repeated Label labels = 1; double value = 2; int64 timestamp = 3; }
  message MetricMetadata { int32 type = 1; string metric_family_name = 2; string help = 4; string unit = 5; }
  message BucketSpan { sint32 offset = 1; uint32 length = 2; }
  message Histogram { ${HISTOGRAM} }`;

const V2 = `syntax = "proto3"; package io.prometheus.write.v2;
  message Request { repeated string symbols = 4; repeated TimeSeries timeseries = 5; }
  message TimeSeries {
    repeated uint32 labels_refs = 1; repeated Sample samples = 2; repeated Histogram histograms = 3; repeated Exemplar exemplars = 4;
    Metadata metadata = 5; int64 created_timestamp = 6;
  }
  message Sample { double value = 1; int64 timestamp = 2; int64 start_timestamp = 3; }
  message Exemplar { repeated uint32 labels_refs = 1; double value = 2; int64 timestamp = 3; }
  message Metadata { int32 type = 1; uint32 help_ref = 3; uint32 unit_ref = 4; }
  message BucketSpan { sint32 offset = 1; uint32 length = 2; }
  message Histogram { ${HISTOGRAM} int64 start_timestamp = 17; }`;

const WRITE_REQUEST = protobuf.parse(V1).root.lookupType('prometheus.WriteRequest');
const REQUEST = protobuf.parse(V2).root.lookupType('io.prometheus.write.v2.Request');

type Integer = number | string;

export interface ReferenceSpan {
  readonly offset?: number;
  readonly length?: number;
}

export interface ReferenceHistogram {
  readonly countInt?: Integer;
  readonly countFloat?: number;
  readonly sum?: number;
  readonly schema?: number;
  readonly zeroThreshold?: number;
  readonly zeroCountInt?: Integer;
  readonly zeroCountFloat?: number;
  readonly negativeSpans?: readonly ReferenceSpan[];
  readonly negativeDeltas?: readonly Integer[];
  readonly negativeCounts?: readonly number[];
  readonly positiveSpans?: readonly ReferenceSpan[];
  readonly positiveDeltas?: readonly Integer[];
  readonly positiveCounts?: readonly number[];
  readonly resetHint?: number;
  readonly timestamp?: Integer;
  readonly customValues?: readonly number[];
  readonly startTimestamp?: Integer;
}

export interface ReferenceLabel {
  readonly name?: string;
  readonly value?: string;
}

export interface ReferenceWriteRequest {
  readonly timeseries?: readonly {
    readonly labels?: readonly ReferenceLabel[];
    readonly samples?: readonly { readonly value?: number; readonly timestamp?: Integer }[];
    readonly exemplars?: readonly { readonly labels?: readonly ReferenceLabel[]; readonly value?: number; readonly timestamp?: Integer }[];
    readonly histograms?: readonly ReferenceHistogram[];
  }[];
  readonly metadata?: readonly { readonly type?: number; readonly metricFamilyName?: string; readonly help?: string; readonly unit?: string }[];
}

export interface ReferenceRequest {
  readonly symbols?: readonly string[];
  readonly timeseries?: readonly {
    readonly labelsRefs?: readonly number[];
    readonly samples?: readonly { readonly value?: number; readonly timestamp?: Integer; readonly startTimestamp?: Integer }[];
    readonly histograms?: readonly ReferenceHistogram[];
    readonly exemplars?: readonly { readonly labelsRefs?: readonly number[]; readonly value?: number; readonly timestamp?: Integer }[];
    readonly metadata?: { readonly type?: number; readonly helpRef?: number; readonly unitRef?: number };
    readonly createdTimestamp?: Integer;
  }[];
}

export function encodeReferenceV1(request: ReferenceWriteRequest): Uint8Array {
  return encode(WRITE_REQUEST, request);
}

export function encodeReferenceV2(request: ReferenceRequest): Uint8Array {
  return encode(REQUEST, request);
}

function encode(type: protobuf.Type, message: object): Uint8Array {
  const bytes = type.encode(type.fromObject(message)).finish();
  // Off Node's pool, so that nothing lies around the bytes.
  return Uint8Array.from(bytes);
}

/** Longs as decimal text, what was left out as its default. Throws on what protobufjs cannot decode. */
export function decodeReferenceV1(bytes: Uint8Array): Required<ReferenceWriteRequest> {
  return decode(WRITE_REQUEST, bytes) as Required<ReferenceWriteRequest>;
}

export function decodeReferenceV2(bytes: Uint8Array): Required<ReferenceRequest> {
  return decode(REQUEST, bytes) as Required<ReferenceRequest>;
}

function decode(type: protobuf.Type, bytes: Uint8Array): object {
  return type.toObject(type.decode(bytes), { longs: String, arrays: true });
}
