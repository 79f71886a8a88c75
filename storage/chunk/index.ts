/** The menu of the chunk codecs: what a segment is made of. FORMAT.md describes the bytes. */
export { isSameBytes as samePayload } from '../../proto/same-bytes.ts';
export { ColumnWriter } from './column-writer.ts';
export { encodeTimestamps, decodeTimestamps, TIMESTAMP_MS_MAX } from './timestamps.ts';
export { encodeValues, decodeValues, decodeValuesInto } from './values.ts';
export { columnsPayload, encodeHistogram, histogramPayload, decodeHistogram, isIntegerHistogram, type BucketColumn, type NumberColumn } from './histograms.ts';
export { JoinedDecimals } from './joined-decimals.ts';
export { encodeSampleColumn, decodeSampleColumn, hasHistograms, isPlainColumn, NO_PAYLOADS, sampleColumnName, type SampleColumn, type SampleColumnSource } from './sample-column.ts';
export { encodeLabels, decodeLabelCount, decodeLabels, decodeLabelText, writeLabels } from './labels-codec.ts';
