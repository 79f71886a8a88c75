/** The menu of the chunk codecs: what a segment is made of. FORMAT.md describes the bytes. */
export { ColumnWriter } from './column-writer.ts';
export { encodeTimestamps, decodeTimestamps, TIMESTAMP_MS_MAX } from './timestamps.ts';
export { encodeValues, decodeValues, decodeValuesInto } from './values.ts';
export { encodeLabels, decodeLabels } from './labels-codec.ts';
