import { labelsFrom, METRIC_NAME } from '../../storage/model/labels.ts';
import type { Labels } from '../../storage/model/labels.ts';
import { stringValue } from './literal.ts';
import { isMetricName } from './token.ts';
import type { TokenCursor } from './token-cursor.ts';

const PLACE = 'label set';

/** A series as it is printed: `name{label="value", …}`. A name before the braces wins over one inside them. */
export function parseMetricLabels(cursor: TokenCursor): Labels {
  const name = isMetricName(cursor.kind) ? cursor.take().text : undefined;
  const pairs = cursor.kind === '{' ? parseLabelSet(cursor) : [];
  if (name !== undefined) pairs.push([METRIC_NAME, name]);
  return labelsFrom(pairs);
}

function parseLabelSet(cursor: TokenCursor): [string, string][] {
  cursor.take();
  const pairs: [string, string][] = [];
  if (cursor.accept('}')) return pairs;
  for (;;) {
    pairs.push(parsePair(cursor));
    const comma = cursor.accept(',');
    if (cursor.accept('}')) return pairs;
    if (!comma) cursor.unexpected(PLACE, '"," or "}"');
  }
}

/** A label and its value, or a string alone: the metric's name. */
function parsePair(cursor: TokenCursor): [string, string] {
  const { token } = cursor;
  const isQuoted = token.kind === 'string';
  if (!isQuoted && token.kind !== 'identifier') cursor.unexpected(PLACE, 'identifier or "}"');
  cursor.take();
  const name = isQuoted ? stringValue(token.text) : token.text;
  if (!cursor.accept('=')) return isQuoted ? [METRIC_NAME, name] : cursor.unexpected(PLACE, '"="');
  if (cursor.kind !== 'string') cursor.unexpected(PLACE, 'string');
  return [name, stringValue(cursor.take().text)];
}
