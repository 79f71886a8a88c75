import { labelValue, sortStrings } from '../../storage/model/labels.ts';
import type { Matcher } from '../../storage/model/matcher.ts';
import type { Clock } from '../../storage/runtime/clock.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import { stringsOf } from '../../storage/shard/select/label-answers.ts';
import { LABELS_RPC_VERSION, type LabelsShardRequest, type StringsShardAnswer } from '../../storage/shard/shard-api.ts';
import { archivedLabels } from './archived-labels.ts';
import type { ReadReport } from './read-report.ts';
import { askAll } from './shard-fan-out.ts';

/** What a label request asks of every shard. */
export interface LabelsQuery {
  readonly selectors: readonly (readonly Matcher[])[];
  readonly startMs: number;
  readonly endMs: number;
  /** 0 means no limit. */
  readonly limit: number;
}

export function toLabelsRequest(query: LabelsQuery): LabelsShardRequest {
  return { version: LABELS_RPC_VERSION, ...query };
}

/** Sorted strings, each once, as they come: one shard's answer is JSON already and goes out as it is. */
export class StringsAnswer {
  /** The strings, or a JSON array of them. */
  readonly #content: readonly string[] | Uint8Array;
  readonly truncated: boolean;

  constructor(content: readonly string[] | Uint8Array, truncated: boolean) {
    this.#content = content;
    this.truncated = truncated;
  }

  /** A JSON array. */
  json(): string | Uint8Array {
    return this.#content instanceof Uint8Array ? this.#content : JSON.stringify(this.#content);
  }

  strings(): readonly string[] {
    return this.#content instanceof Uint8Array ? (JSON.parse(new TextDecoder().decode(this.#content)) as readonly string[]) : this.#content;
  }
}

export async function labelNames(shards: TenantShards, query: LabelsQuery, clock: Clock, report: ReadReport): Promise<StringsAnswer> {
  const answers = await askAll(shards, (stub) => stub.labelNames(toLabelsRequest(query)), report);
  const archived = await archivedLabels(shards, query, clock, report);
  return merge(answers, archived.flatMap((labels) => labels.filter((_, i) => i % 2 === 0)), query.limit);
}

export async function labelValues(shards: TenantShards, name: string, query: LabelsQuery, clock: Clock, report: ReadReport): Promise<StringsAnswer> {
  const answers = await askAll(shards, (stub) => stub.labelValues(name, toLabelsRequest(query)), report);
  const archived = await archivedLabels(shards, query, clock, report);
  return merge(answers, archived.map((labels) => labelValue(labels, name)).filter((value) => value !== ''), query.limit);
}

function merge(answers: readonly StringsShardAnswer[], archived: readonly string[], limit: number): StringsAnswer {
  const [only] = answers;
  if (answers.length === 1 && only!.status === 'strings' && archived.length === 0) return new StringsAnswer(only!.json, only!.truncated);
  const all: string[] = [...archived];
  let isTruncated = false;
  for (const answer of answers) {
    if (answer.status === 'refused') throw new VarveError('limit', answer.message);
    for (const text of stringsOf(answer)) all.push(text);
    isTruncated ||= answer.truncated;
  }
  // Runs that are sorted already: sorting merges them.
  const sorted = sortStrings(all);
  const strings = sorted.filter((text, i) => i === 0 || text !== sorted[i - 1]);
  return limit > 0 && strings.length > limit ? new StringsAnswer(strings.slice(0, limit), true) : new StringsAnswer(strings, isTruncated);
}
