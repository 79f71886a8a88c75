import { parseMetricSelector } from '../promql/parser/index.ts';
import { matcherMatchesEmpty } from '../storage/model/compile-matcher.ts';
import type { Matcher } from '../storage/model/matcher.ts';
import { badData, VarveError } from '../storage/runtime/errors.ts';
import { LIMITS } from '../storage/runtime/limits.ts';
import { readBody } from '../ingest/read-body.ts';

/** What Prometheus' clients send for "as early as can be" and "as late as can be". */
const MIN_TIME_TEXT = '-292273086-05-16T16:47:06Z';
const MAX_TIME_TEXT = '292277025-08-18T07:12:54.999999999Z';
const TIME_MS_MAX = 8.64e15;

/** Form and URL parameters of a request as one list, the form's first: of a parameter given twice the form's counts. */
export async function readParameters(request: Request): Promise<URLSearchParams> {
  const url = new URL(request.url).searchParams;
  if (request.method !== 'POST') return url;
  const contentType = (request.headers.get('content-type') ?? '').split(';')[0]!.trim().toLowerCase();
  if (contentType !== 'application/x-www-form-urlencoded') {
    if (contentType === '') return url;
    throw new VarveError('not-supported', `content type ${contentType} is not supported here; send application/x-www-form-urlencoded`);
  }
  const body = await readBody(request, LIMITS.queryBodyBytesMax, 'queryBodyBytesMax');
  const merged = new URLSearchParams(new TextDecoder().decode(body));
  for (const [name, value] of url) merged.append(name, value);
  return merged;
}

function invalid(name: string, reason: string): VarveError {
  return badData(`invalid parameter "${name}": ${reason}`);
}

/** Unix milliseconds of a parameter in float seconds or RFC 3339. */
export function timeParameter(parameters: URLSearchParams, name: string, fallbackMs: number): number {
  const text = parameters.get(name) ?? '';
  if (text === '') return fallbackMs;
  const timeMs = parseTime(text);
  if (timeMs === undefined) throw invalid(name, `cannot parse ${JSON.stringify(text)} to a valid timestamp`);
  return timeMs;
}

export function requiredTime(parameters: URLSearchParams, name: string): number {
  const timeMs = timeParameter(parameters, name, NaN);
  if (Number.isNaN(timeMs)) throw invalid(name, 'cannot parse "" to a valid timestamp');
  return timeMs;
}

const RFC3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/;
const FLOAT = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

function parseTime(text: string): number | undefined {
  if (FLOAT.test(text)) {
    const timeMs = Math.round(Number(text) * 1000);
    return Math.abs(timeMs) <= TIME_MS_MAX ? timeMs : undefined;
  }
  if (RFC3339.test(text)) {
    const timeMs = Date.parse(text);
    if (!Number.isNaN(timeMs)) return timeMs;
  }
  if (text === MIN_TIME_TEXT) return -TIME_MS_MAX;
  if (text === MAX_TIME_TEXT) return TIME_MS_MAX;
  return undefined;
}

const DURATION = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;
const DURATION_UNITS_MS = [365 * 86_400_000, 7 * 86_400_000, 86_400_000, 3_600_000, 60_000, 1000, 1];

/** Milliseconds of a parameter in float seconds or Prometheus' duration text; `undefined` when it is absent. */
export function durationParameter(parameters: URLSearchParams, name: string): number | undefined {
  const text = parameters.get(name) ?? '';
  return text === '' ? undefined : requiredDuration(parameters, name);
}

export function requiredDuration(parameters: URLSearchParams, name: string): number {
  const text = parameters.get(name) ?? '';
  let durationMs: number | undefined;
  if (FLOAT.test(text)) durationMs = Number(text) * 1000;
  else if (text === '0') durationMs = 0;
  else {
    const parts = DURATION.exec(text);
    if (parts !== null && text !== '') durationMs = DURATION_UNITS_MS.reduce((sum, unitMs, i) => sum + Number(parts[i + 1] ?? 0) * unitMs, 0);
  }
  if (durationMs === undefined) throw invalid(name, `cannot parse ${JSON.stringify(text)} to a valid duration`);
  if (Math.abs(durationMs) > TIME_MS_MAX) throw invalid(name, `cannot parse ${JSON.stringify(text)} to a valid duration. It overflows int64`);
  return durationMs;
}

/** The parameters of a range query, with Prometheus' checks. A step is at least a millisecond. */
export function rangeParameters(parameters: URLSearchParams): { startMs: number; endMs: number; stepMs: number } {
  const startMs = requiredTime(parameters, 'start');
  const endMs = requiredTime(parameters, 'end');
  if (endMs < startMs) throw invalid('end', 'end timestamp must not be before start time');
  const stepMs = Math.trunc(requiredDuration(parameters, 'step'));
  if (stepMs <= 0) throw invalid('step', 'zero or negative query resolution step widths are not accepted. Try a positive integer');
  if ((endMs - startMs) / stepMs > LIMITS.queryStepsMax) {
    throw badData('exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)');
  }
  return { startMs, endMs, stepMs };
}

export function queryParameter(parameters: URLSearchParams): string {
  const query = parameters.get('query') ?? '';
  if (query.length > LIMITS.queryTextBytesMax) {
    throw invalid('query', `${query.length} characters, the limit queryTextBytesMax is ${LIMITS.queryTextBytesMax}`);
  }
  return query;
}

/** 0 means no limit. */
export function limitParameter(parameters: URLSearchParams): number {
  const text = parameters.get('limit') ?? '';
  if (text === '') return 0;
  if (!/^[+-]?\d+$/.test(text) || !Number.isSafeInteger(Number(text))) throw invalid('limit', `strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  const limit = Number(text);
  if (limit < 0) throw invalid('limit', 'limit must be non-negative');
  return limit;
}

/** The selectors of `match[]`: each with at least one matcher that does not take the empty value. */
export function selectorParameters(parameters: URLSearchParams): (readonly Matcher[])[] {
  const texts = parameters.getAll('match[]');
  if (texts.length > LIMITS.selectorsPerRequestMax) {
    throw invalid('match[]', `${texts.length} selectors, the limit selectorsPerRequestMax is ${LIMITS.selectorsPerRequestMax}`);
  }
  return texts.map((text) => {
    let matchers: readonly Matcher[];
    try {
      if (text.length > LIMITS.queryTextBytesMax) throw badData(`${text.length} characters, the limit queryTextBytesMax is ${LIMITS.queryTextBytesMax}`);
      matchers = parseMetricSelector(text);
      if (matchers.every(matcherMatchesEmpty)) throw badData('match[] must contain at least one non-empty matcher');
    } catch (error) {
      throw error instanceof VarveError ? invalid('match[]', error.message) : error;
    }
    return matchers;
  });
}
