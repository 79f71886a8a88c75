/** The menu for code outside of Varve: time-series storage in any Durable Object. Inside, modules are imported by their own names. */
export { TimeSeriesStore, type AggregateBucket, type AggregateQuery, type Point, type PutEntry, type RollupRequest } from './time-series-store.ts';
export type { TierPolicy, TimeSeriesStoreOptions } from './time-series/options.ts';
export type { Aggregate } from './time-series/aggregate.ts';
export type { ChangeEvent, InsertEvent, ResyncEvent, RollupEvent } from './time-series/change-events.ts';
export type { ChangeOptions } from './time-series/change-stream.ts';
export type { Duration } from './time-series/duration.ts';
export type { RollupSummary } from './time-series/roll-up.ts';
export type { TimeRange, Timestamp } from './time-series/timestamp.ts';
export type { JsonValue } from './time-series/value.ts';
export { VarveError, type ErrorKind } from './runtime/errors.ts';
