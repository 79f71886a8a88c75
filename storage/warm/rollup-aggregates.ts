/* What a bucket may hold beside its counts. */

/** `increase` brings first and last and their times with it: what lies between two buckets is known from these. */
export const ROLLUP_AGGREGATES = ['sum', 'min', 'max', 'first', 'last', 'increase', 'p50', 'p99', 'sketch'] as const;
export type RollupAggregate = (typeof ROLLUP_AGGREGATES)[number];

export type RollupAggregates = ReadonlySet<RollupAggregate>;
