import { stringValue } from './literal.ts';
import { quoteString } from './quote.ts';
import { isLabelName } from './token.ts';
import type { TokenCursor } from './token-cursor.ts';

const PLACE = 'grouping opts';

/** A list of labels in parentheses, after `by`, `on` and the like. A comma may stand before the closing parenthesis. */
export function parseGrouping(cursor: TokenCursor): readonly string[] {
  if (!cursor.accept('(')) cursor.unexpected(PLACE, '"("');
  const labels: string[] = [];
  if (cursor.accept(')')) return labels;
  for (;;) {
    labels.push(parseGroupingLabel(cursor));
    const comma = cursor.accept(',');
    if (cursor.accept(')')) return labels;
    if (!comma) cursor.unexpected(PLACE, '"," or ")"');
  }
}

function parseGroupingLabel(cursor: TokenCursor): string {
  if (cursor.kind !== 'string') return isLabelName(cursor.kind) ? cursor.take().text : cursor.unexpected(PLACE, 'label');
  const token = cursor.take();
  const name = stringValue(token.text);
  if (name === '' || !name.isWellFormed()) cursor.fail(token, `invalid label name for grouping: ${quoteString(name)}`);
  return name;
}
