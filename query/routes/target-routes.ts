import { Hono } from 'hono';
import { parseMetricSelector } from '../../promql/parser/index.ts';
import { METRIC_NAME, labelValue } from '../../storage/model/labels.ts';
import type { Clock } from '../../storage/runtime/clock.ts';
import { badData, messageOf, VarveError } from '../../storage/runtime/errors.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import { answer } from '../answer.ts';
import { success } from '../respond.ts';
import { SELF_JOB, SELF_SCRAPE_INTERVAL } from '../self-target.ts';
import { TenantSource } from '../source/tenant-source.ts';
import { openTenant, type TenantServices } from '../tenant.ts';

/**
 * Scrape targets, to be mounted at `/api/v1`. Varve scrapes nothing but itself, so the one target there may be is read from what that
 * scrape wrote: its `up` of the last minutes.
 */
export function targetRoutes(services: TenantServices): Hono {
  const routes = new Hono();
  routes.get('/targets', (context) =>
    answer(context, async (parameters) => {
      const state = parameters.get('state') ?? '';
      const pool = parameters.get('scrapePool') ?? '';
      const isShown = ['', 'any', 'active'].includes(state.toLowerCase()) && ['', SELF_JOB].includes(pool);
      const activeTargets = isShown ? await selfTargets(await openTenant(services, context), services.clock) : [];
      return success({ activeTargets, droppedTargets: [], droppedTargetCounts: {} });
    }),
  );
  routes.get('/scrape_pools', (context) =>
    answer(context, async () => {
      const targets = await selfTargets(await openTenant(services, context), services.clock);
      return success({ scrapePools: targets.length > 0 ? [SELF_JOB] : [] });
    }),
  );
  routes.get('/scrape_pools/config', (context) =>
    answer(context, (parameters) => {
      const pool = parameters.get('scrapePool') ?? '';
      if (pool === '') throw badData('invalid parameter "scrapePool": no scrapePool parameter provided');
      if (pool !== SELF_JOB) throw new VarveError('not-found', `scrape pool ${JSON.stringify(pool)} is not known`);
      return success({ yaml: `job_name: ${SELF_JOB}\nscrape_interval: ${SELF_SCRAPE_INTERVAL}\nmetrics_path: /metrics\nscheme: http\n` });
    }),
  );
  routes.get('/targets/relabel_steps', (context) =>
    answer(context, (parameters) => {
      const pool = parameters.get('scrapePool') ?? '';
      if (pool === '') throw badData('no scrapePool parameter provided');
      checkLabels(parameters.get('labels') ?? '');
      if (pool !== SELF_JOB) throw badData(`error getting scrape config: scrape pool ${JSON.stringify(pool)} not found`);
      // The one pool there may be relabels nothing.
      return success({ steps: [] });
    }),
  );
  routes.get('/targets/metadata', (context) =>
    answer(context, (parameters) => {
      const limit = parameters.get('limit') ?? '';
      if (limit !== '' && !/^[+-]?\d+$/.test(limit)) throw badData('limit must be a number');
      const target = parameters.get('match_target') ?? '';
      if (target !== '') parseMetricSelector(target);
      return success([]);
    }),
  );
  return routes;
}

/** A label set as JSON: an object of strings. */
function checkLabels(text: string): void {
  if (text === '') throw badData('no labels parameter provided');
  let labels: unknown;
  try {
    labels = JSON.parse(text);
  } catch (error) {
    throw badData(`error parsing labels: ${messageOf(error)}`);
  }
  const isLabels = typeof labels === 'object' && labels !== null && !Array.isArray(labels) && Object.values(labels).every((value) => typeof value === 'string');
  if (!isLabels) throw badData('error parsing labels: want a JSON object whose values are strings');
}

interface Target {
  readonly instance: string;
  readonly labels: Readonly<Record<string, string>>;
  lastScrapeMs: number;
  isUp: boolean;
  durationSeconds: number;
}

async function selfTargets(shards: TenantShards, clock: Clock): Promise<unknown[]> {
  const nowMs = clock.nowMs();
  const source = new TenantSource(shards, LIMITS.querySamplesMax, clock);
  const matchers = [
    { name: 'job', type: '=', value: SELF_JOB },
    { name: METRIC_NAME, type: '=~', value: 'up|scrape_duration_seconds' },
  ] as const;
  const targets = new Map<string, Target>();
  for await (const series of source.select({ matchers, startMs: nowMs - LIMITS.lookbackMs, endMs: nowMs }, undefined)) {
    const instance = labelValue(series.labels, 'instance');
    const last = series.values.length - 1;
    if (series.isStale?.[last] === 1) continue;
    let target = targets.get(instance);
    if (target === undefined) targets.set(instance, (target = { instance, labels: { instance, job: SELF_JOB }, lastScrapeMs: 0, isUp: false, durationSeconds: 0 }));
    if (labelValue(series.labels, METRIC_NAME) === 'up') {
      target.isUp = series.values[last] === 1;
      target.lastScrapeMs = series.timestampsMs[last]!;
    } else target.durationSeconds = series.values[last]!;
  }
  return [...targets.values()].map(targetJson);
}

function targetJson({ instance, labels, lastScrapeMs, isUp, durationSeconds }: Target): unknown {
  const url = `http://${instance}/metrics`;
  return {
    discoveredLabels: {
      __address__: instance,
      __metrics_path__: '/metrics',
      __scheme__: 'http',
      __scrape_interval__: SELF_SCRAPE_INTERVAL,
      __scrape_timeout__: SELF_SCRAPE_INTERVAL,
      job: SELF_JOB,
    },
    labels,
    scrapePool: SELF_JOB,
    scrapeUrl: url,
    globalUrl: url,
    lastError: isUp ? '' : 'the scrape failed',
    lastScrape: new Date(lastScrapeMs).toISOString(),
    lastScrapeDuration: durationSeconds,
    health: isUp ? 'up' : 'down',
    scrapeInterval: SELF_SCRAPE_INTERVAL,
    scrapeTimeout: SELF_SCRAPE_INTERVAL,
  };
}
