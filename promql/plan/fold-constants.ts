import { scalarBinary } from '../functions/binary-floats.ts';
import type { PlanNode } from './plan-node.ts';

/** Arithmetic of two constants is a constant. */
export function foldConstant(node: PlanNode): PlanNode {
  if (node.kind !== 'scalars' || node.lhs.kind !== 'constant' || node.rhs.kind !== 'constant') return node;
  return { kind: 'constant', grid: node.grid, position: node.position, value: scalarBinary(node.op, node.lhs.value, node.rhs.value) };
}
