import type { VectorMatching } from './ast.ts';
import { parseGrouping } from './parse-grouping.ts';
import { parseSignedNumber } from './parse-number.ts';
import { startsExpression } from './parse-primary.ts';
import type { TokenCursor } from './token-cursor.ts';

/** What may stand between a binary operator and its right operand. */
export interface BinaryModifiers {
  readonly returnBool: boolean;
  readonly matching: VectorMatching;
}

type Fill = Pick<VectorMatching, 'fillLeft' | 'fillRight'>;

const NO_FILL: Fill = { fillLeft: undefined, fillRight: undefined };

/** `bool`, then `on` or `ignoring` with perhaps `group_left` or `group_right`, then `fill`: each may be missing, the order is fixed. */
export function parseMatching(cursor: TokenCursor): BinaryModifiers {
  const returnBool = cursor.accept('bool');
  const sides = parseSides(cursor);
  return { returnBool, matching: { ...sides, ...parseFill(cursor) } };
}

function parseSides(cursor: TokenCursor): Omit<VectorMatching, keyof Fill> {
  const { kind: keyword } = cursor;
  const on = keyword === 'on';
  if (!on && keyword !== 'ignoring') return { card: 'one-to-one', on: false, labels: [], include: [] };
  cursor.take();
  const labels = parseGrouping(cursor);
  const { kind } = cursor;
  if (kind !== 'group_left' && kind !== 'group_right') return { card: 'one-to-one', on, labels, include: [] };
  cursor.take();
  // Labels, or at once the right operand; a fill begins with a word that could begin an operand.
  const include = cursor.kind === '(' || !startsExpression(cursor.kind) ? parseGrouping(cursor) : [];
  return { card: kind === 'group_left' ? 'many-to-one' : 'one-to-many', on, labels, include };
}

/** `fill` stands alone; `fill_left` and `fill_right` may follow each other in either order. */
function parseFill(cursor: TokenCursor): Fill {
  const { kind } = cursor;
  if (kind === 'fill') {
    const value = parseFillValue(cursor);
    return { fillLeft: value, fillRight: value };
  }
  if (kind !== 'fill_left' && kind !== 'fill_right') return NO_FILL;
  const first = parseFillValue(cursor);
  const second = cursor.kind === (kind === 'fill_left' ? 'fill_right' : 'fill_left') ? parseFillValue(cursor) : undefined;
  return kind === 'fill_left' ? { fillLeft: first, fillRight: second } : { fillLeft: second, fillRight: first };
}

function parseFillValue(cursor: TokenCursor): number {
  cursor.take();
  cursor.expect('(');
  const { value } = parseSignedNumber(cursor);
  cursor.expect(')');
  return value;
}
