import { stringValue } from '../../promql/parser/literal.ts';
import { isMetricName } from '../../promql/parser/token.ts';
import { TokenCursor } from '../../promql/parser/token-cursor.ts';
import { labelsFrom, METRIC_NAME, type Labels } from '../../storage/model/labels.ts';

/* Series as they are printed, `name{label="value"}`: test scripts have them, and nothing that is served. */

const PLACE = 'label set';

/** A series' labels. Throws `ParseError` for what is none. */
export function parseMetric(metric: string): Labels {
  const cursor = new TokenCursor(metric);
  const labels = parseMetricLabels(cursor);
  if (cursor.kind !== 'end of input') cursor.unexpected();
  return labels;
}

/** A series' labels at the beginning of a text, and the offset where they end. */
export function parseMetricPrefix(text: string): { readonly labels: Labels; readonly end: number } {
  const cursor = new TokenCursor(text);
  const labels = parseMetricLabels(cursor);
  return { labels, end: cursor.lastEnd };
}

/** A name before the braces wins over one inside them. */
function parseMetricLabels(cursor: TokenCursor): Labels {
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
