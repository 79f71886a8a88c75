import { Hono, type Context } from 'hono';
import { Budget, DEFAULT_QUERY_LIMITS } from '../../promql/budget.ts';
import { compareStrings, METRIC_NAME } from '../../storage/model/labels.ts';
import type { MetadataEntry } from '../../storage/model/metadata.ts';
import { badData, VarveError } from '../../storage/runtime/errors.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { HOUR_MS } from '../../storage/runtime/units.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import { answer } from '../answer.ts';
import { booleanParameter, countParameter, selectorParameters, timeParameter } from '../parameters.ts';
import { shownNotes } from '../respond.ts';
import { labelNames, labelValues, type LabelsQuery } from '../source/label-fan-out.ts';
import { metadataOf } from '../source/metric-metadata.ts';
import { ReadReport } from '../source/read-report.ts';
import { openTenant, type TenantServices } from '../tenant.ts';
import { FUZZ_ALGORITHMS, nameScorer, type SearchTerms } from './search-match.ts';

const DEFAULT_RESULTS = 100;

type Find = (shards: TenantShards, query: LabelsQuery, report: ReadReport) => Promise<readonly string[]>;

/** Prometheus' search API, to be mounted at `/api/v1`: names that look like what was typed, as lines of JSON, best or first ones first. */
export function searchRoutes(services: TenantServices): Hono {
  const routes = new Hono();
  const route = (path: string, findOf: (parameters: URLSearchParams) => Find, areMetrics = false): void => {
    routes.on(['GET', 'POST'], path, (context) => answer(context, (parameters) => search(services, context, parameters, { find: findOf(parameters), areMetrics })));
  };
  const valuesOf = (name: string): Find => async (shards, query, report) => (await labelValues(shards, name, query, services.clock, report)).strings();
  route('/search/metric_names', () => valuesOf(METRIC_NAME), true);
  route('/search/label_names', () => async (shards, query, report) => (await labelNames(shards, query, services.clock, report)).strings());
  route('/search/label_values', (parameters) => {
    const label = parameters.get('label') ?? '';
    if (label === '') throw badData('missing required parameter "label"');
    return valuesOf(label);
  });
  return routes;
}

interface Found {
  readonly name: string;
  readonly score: number;
}

interface Searched {
  readonly find: Find;
  /** Whether what is found are metrics, whose metadata may be asked for. */
  readonly areMetrics: boolean;
}

async function search(services: TenantServices, context: Context, parameters: URLSearchParams, { find, areMetrics }: Searched): Promise<Response> {
  const nowMs = services.clock.nowMs();
  const startMs = timeParameter(parameters, 'start', nowMs - HOUR_MS);
  const endMs = timeParameter(parameters, 'end', nowMs);
  const selectors = selectorParameters(parameters);
  const terms = termsOf(parameters);
  const isScoreShown = searchBoolean(parameters, 'include_score', false);
  const isMetadataShown = areMetrics && searchBoolean(parameters, 'include_metadata', false);
  const compare = orderOf(parameters);
  const { limit, batchSize } = sizesOf(parameters);
  const report = new ReadReport(booleanParameter(parameters, 'partial_response', false));
  const shards = await openTenant(services, context);
  const names = await find(shards, { selectors, startMs, endMs, limit: 0 }, report);
  const budget = new Budget({ ...DEFAULT_QUERY_LIMITS, workPerPause: LIMITS.searchWorkPerPause }, context.req.raw.signal, () => services.clock.sleep(0));
  const found = await scored(names, terms, budget);
  found.sort(compare);
  const best = found.slice(0, limit);
  const metadata = isMetadataShown ? await metadataOf(shards, best.map(({ name }) => name)) : undefined;
  const shown = best.map(({ name, score: points }) => ({ name, ...(isScoreShown ? { score: points } : {}), ...told(metadata?.get(name)) }));
  const lines: unknown[] = [];
  for (let from = 0; from === 0 || from < shown.length; from += batchSize) {
    const warnings = from === 0 && report.warnings.length > 0 ? { warnings: shownNotes('warning', report.warnings) } : {};
    lines.push({ results: shown.slice(from, from + batchSize), ...warnings });
  }
  lines.push({ status: 'success', has_more: found.length > limit });
  return new Response(lines.map((line) => `${JSON.stringify(line)}\n`).join(''), { headers: { 'content-type': 'application/x-ndjson; charset=utf-8' } });
}

/** The names that answer the terms. Others have a turn in between: many names and terms take seconds. */
async function scored(names: readonly string[], terms: SearchTerms, budget: Budget): Promise<Found[]> {
  const score = nameScorer(terms);
  const termCharacters = terms.terms.reduce((sum, term) => sum + term.length, 0);
  const work = names.reduce((sum, name) => sum + termCharacters * name.length, 0);
  const { searchWorkMax } = LIMITS;
  if (work > searchWorkMax) throw new VarveError('limit', `${names.length} names are too many to compare with these search[] terms (searchWorkMax is ${searchWorkMax}); narrow them down by match[], or send fewer terms`);
  const found: Found[] = [];
  for (const name of names) {
    budget.spend(termCharacters * name.length);
    if (budget.isPauseDue) await budget.pause();
    const points = score(name);
    if (points !== undefined) found.push({ name, score: points });
  }
  return found;
}

/** What is known of a metric; Prometheus leaves out what is empty. */
function told(entry: MetadataEntry | undefined): Readonly<Record<string, string>> {
  if (entry === undefined) return {};
  return Object.fromEntries(Object.entries({ type: entry.type, help: entry.help, unit: entry.unit }).filter(([, text]) => text !== ''));
}

/** Here Prometheus has words of its own. */
function searchBoolean(parameters: URLSearchParams, name: string, fallback: boolean): boolean {
  try {
    return booleanParameter(parameters, name, fallback);
  } catch {
    throw badData(`invalid ${name} ${JSON.stringify(parameters.get(name))}: must be boolean`);
  }
}

function termsOf(parameters: URLSearchParams): SearchTerms {
  const terms = parameters.getAll('search[]');
  if (terms.length > LIMITS.searchTermsMax) throw badData(`too many search[] terms: ${terms.length}, the limit searchTermsMax is ${LIMITS.searchTermsMax}`);
  const longest = Math.max(0, ...terms.map(({ length }) => length));
  if (longest > LIMITS.searchTermCharactersMax) throw badData(`a search[] term of ${longest} characters is longer than the limit searchTermCharactersMax of ${LIMITS.searchTermCharactersMax}`);
  const percent = countParameter(parameters, 'fuzz_threshold', 0, (text) => `invalid fuzz_threshold ${JSON.stringify(text)}: must be 0-100`, 100);
  const named = parameters.get('fuzz_alg') || 'subsequence';
  const algorithm = FUZZ_ALGORITHMS.find((known) => known === named);
  if (algorithm === undefined) throw badData(`unsupported fuzz_alg ${JSON.stringify(named)}: must be one of [${FUZZ_ALGORITHMS.join(' ')}]`);
  return { terms, algorithm, threshold: percent / 100, isCaseSensitive: searchBoolean(parameters, 'case_sensitive', true) };
}

function orderOf(parameters: URLSearchParams): (a: Found, b: Found) => number {
  const by = parameters.get('sort_by') ?? '';
  const direction = parameters.get('sort_dir') ?? '';
  if (direction !== '' && by === '') throw badData('sort_dir is only valid when sort_by is set');
  if (direction !== '' && by === 'score') throw badData('sort_dir is not supported for sort_by=score');
  if (!['', 'asc', 'dsc'].includes(direction)) throw badData(`invalid sort_dir ${JSON.stringify(direction)}: must be "asc" or "dsc"`);
  if (!['', 'alpha', 'score'].includes(by)) throw badData(`invalid sort_by ${JSON.stringify(by)}: must be "alpha" or "score"`);
  if (by !== 'score') return direction === 'dsc' ? (a, b) => compareStrings(b.name, a.name) : (a, b) => compareStrings(a.name, b.name);
  if (parameters.getAll('search[]').length === 0) throw badData('sort_by=score requires search[] to be set');
  return (a, b) => b.score - a.score || compareStrings(a.name, b.name);
}

/** Of both, zero stands for the default. */
function sizesOf(parameters: URLSearchParams): { limit: number; batchSize: number } {
  const nonNegative = (name: string) => (text: string) => `invalid ${name} ${JSON.stringify(text)}: must be non-negative integer`;
  const limit = countParameter(parameters, 'limit', 0, nonNegative('limit')) || DEFAULT_RESULTS;
  if (limit > LIMITS.searchResultsMax) throw badData(`limit ${limit} exceeds the limit searchResultsMax of ${LIMITS.searchResultsMax}`);
  return { limit, batchSize: countParameter(parameters, 'batch_size', 0, nonNegative('batch_size')) || DEFAULT_RESULTS };
}
