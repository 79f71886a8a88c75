import { join } from 'node:path';
import { findPeers, prometheusCommand } from '../../bench/peers.ts';
import { freePort } from '../../processes/free-port.ts';
import type { Sandbox } from '../../processes/sandbox.ts';
import type { Exception } from './exception.ts';
import { EXCEPTIONS_OF_2_42 } from './exceptions-of-2-42.ts';
import { EXCEPTIONS_OF_3_16 } from './exceptions-of-3-16.ts';
import { EXCEPTIONS_OF_3_5 } from './exceptions-of-3-5.ts';
import type { NewerPrometheus } from '../newer-prometheus.ts';
import type { Dialect } from './timing.ts';

/** A Prometheus whose answers are the wanted ones. */
export interface Reference {
  readonly name: string;
  readonly dialect: Dialect;
  /** Ways in which it and 3.14 rightly differ. */
  readonly exceptions: readonly Exception[];
  readonly translate: (expression: string) => string;
  /** With further arguments of the command. */
  readonly start: (sandbox: Sandbox, more?: readonly string[]) => Promise<URL>;
}

/** All that changes what PromQL can say or means, as Varve has it. What is always on has no flag any more. */
const FEATURES = {
  '3.5': ['native-histograms', 'promql-experimental-functions', 'promql-duration-expr', 'promql-delayed-name-removal'],
  '3.14': [
    'promql-experimental-functions', 'promql-delayed-name-removal', 'promql-binop-fill-modifiers', 'promql-extended-range-selectors', 'st-storage',
    'use-start-timestamps',
  ],
} as const;

/** Debian's stable one, which has none of what came after 2.42. */
export const OLD_REFERENCE: Reference = {
  name: 'Prometheus 2.42',
  dialect: 'old',
  exceptions: EXCEPTIONS_OF_2_42,
  translate: (expression) => expression.replaceAll('double_exponential_smoothing', 'holt_winters'),
  start: async (sandbox) => (await findPeers(['prometheus']).peers[0]!.start(sandbox)).baseUrl,
};

export function newReference({ path, version, like }: NewerPrometheus): Reference {
  const isOf35 = like === '3.5';
  return {
    name: version === 'unknown' ? `a Prometheus since ${like}` : `Prometheus ${version}`,
    dialect: isOf35 ? 'new' : 'current',
    exceptions: isOf35 ? EXCEPTIONS_OF_3_5 : EXCEPTIONS_OF_3_16,
    translate: (expression) => expression,
    start: async (sandbox, more = []) => {
      const port = await freePort();
      const name = `prometheus-new-${port}`;
      const command = prometheusCommand(path, port, sandbox.makeFolder(name), join(sandbox.folder, `${name}.log`));
      await sandbox.start({ ...command, args: [...command.args, `--enable-feature=${FEATURES[like].join(',')}`, ...more] });
      return new URL(`http://127.0.0.1:${port}`);
    },
  };
}
