import type { Expr } from '../../../promql/parser/index.ts';
import type { Answer } from './answers.ts';
import type { Difference } from './difference.ts';
import type { AskBoth } from './investigation.ts';
import type { Query } from './random-queries.ts';

/** A difference with all that is known about it. `tree` is missing when Varve's parser refuses the query. */
export interface Finding {
  readonly query: Query;
  readonly tree: Expr | undefined;
  readonly wanted: Answer;
  readonly got: Answer;
  readonly difference: Difference;
  /** What both say to another query. */
  readonly askBoth: AskBoth;
}

/** A way in which an older Prometheus and 3.14 rightly differ. */
export interface Exception {
  readonly name: string;
  readonly reason: string;
  /** Of so many queries in 10,000 it excuses the answer: that many it did when it was looked at last, and if there are more, something is wrong. */
  readonly perTenThousand: number;
  readonly covers: (finding: Finding) => boolean | Promise<boolean>;
}

/** How many of so many queries an exception may excuse: its share, and three standard deviations for other seeds. */
export function excusedMax({ perTenThousand }: Exception, queries: number): number {
  const expected = Math.max(1, (perTenThousand * queries) / 10_000);
  return Math.ceil(expected + 3 * Math.sqrt(expected));
}
