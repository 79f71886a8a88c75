/** What an expression evaluates to. `none` is the type of nothing; no expression of a checked tree has it. */
export type ValueType = 'scalar' | 'vector' | 'matrix' | 'string' | 'none';

/** A value type as Prometheus' documentation and error messages call it. */
export function describeValueType(type: ValueType): string {
  switch (type) {
    case 'vector':
      return 'instant vector';
    case 'matrix':
      return 'range vector';
    default:
      return type;
  }
}
