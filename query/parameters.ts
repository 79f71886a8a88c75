import { readShortText } from '../ingest/short-body.ts';
import type { ExplainMode } from '../promql/engine.ts';
import { parseMetricSelector } from '../promql/parser/index.ts';
import { mediaTypeOf } from '../proto/media-type.ts';
import { matcherMatchesEmpty } from '../storage/model/compile-matcher.ts';
import type { Matcher } from '../storage/model/matcher.ts';
import { RegexAllowance } from '../storage/model/regex.ts';
import { badData, VarveError } from '../storage/runtime/errors.ts';
import { LIMITS } from '../storage/runtime/limits.ts';
import { startSystemTimer, type StartTimer } from '../storage/runtime/timer.ts';
import { parseDurationMs, parseTimeMs } from './time-text.ts';

/**
 * Form and URL parameters of a request as one list, the form's first: of a parameter given twice the form's counts. A body that is no form
 * says nothing, as in Prometheus.
 */
export async function readParameters(request: Request, startTimer: StartTimer = startSystemTimer): Promise<URLSearchParams> {
  const url = urlParameters(request.url);
  if (request.method !== 'POST' && request.method !== 'PUT') return url;
  // vmalert sends its parameters in the URL, and JSON as the type of a body that it leaves empty.
  if (mediaTypeOf(request.headers.get('content-type')) !== 'application/x-www-form-urlencoded') return url;
  const merged = new URLSearchParams(await readShortText(request, 'queryBodyBytesMax', startTimer));
  for (const [name, value] of url) merged.append(name, value);
  return merged;
}

/** The parameters in a request's URL. The whole of it has been parsed before the request got here; once more would cost as much as a small query's tree. */
function urlParameters(url: string): URLSearchParams {
  const from = url.indexOf('?');
  const to = url.indexOf('#');
  return new URLSearchParams(from === -1 ? '' : url.slice(from + 1, to === -1 ? undefined : to));
}

/** Prometheus' words for a parameter that cannot be taken. */
export function invalidParameter(name: string, reason: string): VarveError {
  return badData(`invalid parameter "${name}": ${reason}`);
}

/** Unix milliseconds of a parameter in float seconds or RFC 3339. */
export function timeParameter(parameters: URLSearchParams, name: string, fallbackMs: number): number {
  const text = parameters.get(name) ?? '';
  if (text === '') return fallbackMs;
  const timeMs = parseTimeMs(text);
  // Prometheus says it twice where the parameter may be absent.
  if (timeMs === undefined) throw invalidParameter(name, `invalid time value for '${name}': ${noTimestamp(text)}`);
  return timeMs;
}

export function requiredTime(parameters: URLSearchParams, name: string): number {
  const text = parameters.get(name) ?? '';
  const timeMs = parseTimeMs(text);
  if (timeMs === undefined) throw invalidParameter(name, noTimestamp(text));
  return timeMs;
}

function noTimestamp(text: string): string {
  return `cannot parse ${JSON.stringify(text)} to a valid timestamp`;
}

/** Milliseconds of a parameter in float seconds or Prometheus' duration text; `undefined` when it is absent. */
export function durationParameter(parameters: URLSearchParams, name: string): number | undefined {
  return parameters.get(name) ? requiredDuration(parameters, name) : undefined;
}

export function requiredDuration(parameters: URLSearchParams, name: string): number {
  const text = parameters.get(name) ?? '';
  const durationMs = parseDurationMs(text);
  if (typeof durationMs === 'string') throw invalidParameter(name, durationMs);
  return durationMs;
}

/** `undefined` for the server's own look-back, which is also what zero and less stand for. */
export function lookbackParameter(parameters: URLSearchParams): number | undefined {
  const text = parameters.get('lookback_delta') ?? '';
  if (text === '') return undefined;
  const lookbackMs = parseDurationMs(text);
  if (typeof lookbackMs === 'string') throw badData(`error parsing lookback delta duration: ${lookbackMs}`);
  return lookbackMs > 0 ? lookbackMs : undefined;
}

/**
 * The coarsest roll-ups (ms) that the caller takes where they do not say the same as samples; `undefined` when nothing is said. Thanos'
 * parameter: `auto` is a fifth of the step; 0 is samples and nothing else. An instant query has no step: then its windows alone decide.
 */
export function maxSourceResolutionParameter(parameters: URLSearchParams, stepMs: number | undefined): number | undefined {
  const text = parameters.get('max_source_resolution') ?? '';
  if (text === '') return undefined;
  if (text === 'auto') return stepMs === undefined ? Infinity : stepMs / 5;
  const resolutionMs = parseDurationMs(text);
  if (typeof resolutionMs === 'string') throw invalidParameter('max_source_resolution', resolutionMs);
  if (resolutionMs < 0) throw invalidParameter('max_source_resolution', 'it must be "auto", 0s or a resolution such as 5m or 1h');
  return resolutionMs;
}

/** The parameters of a range query, with Prometheus' checks. A step is at least a millisecond. */
export function rangeParameters(parameters: URLSearchParams): { startMs: number; endMs: number; stepMs: number } {
  const startMs = requiredTime(parameters, 'start');
  const endMs = requiredTime(parameters, 'end');
  if (endMs < startMs) throw invalidParameter('end', 'end timestamp must not be before start time');
  const stepMs = Math.trunc(requiredDuration(parameters, 'step'));
  if (stepMs <= 0) throw invalidParameter('step', 'zero or negative query resolution step widths are not accepted. Try a positive integer');
  // Whole steps count, as in Prometheus.
  if (Math.floor((endMs - startMs) / stepMs) > LIMITS.queryStepsMax) {
    throw badData(`exceeded maximum resolution of ${LIMITS.queryStepsMax.toLocaleString('en-US')} points per timeseries. Try decreasing the query resolution (?step=XX)`);
  }
  return { startMs, endMs, stepMs };
}

export function queryParameter(parameters: URLSearchParams): string {
  const query = parameters.get('query') ?? '';
  if (query.length > LIMITS.queryTextCharactersMax) {
    throw invalidParameter('query', `${query.length} characters, the limit queryTextCharactersMax is ${LIMITS.queryTextCharactersMax}`);
  }
  return query;
}

/** With a sign. */
const INT64_DIGITS_MAX = 20;

/** 0 means no limit. */
export function limitParameter(parameters: URLSearchParams): number {
  const text = parameters.get('limit') ?? '';
  if (text === '') return 0;
  if (!/^[+-]?\d+$/.test(text)) throw invalidParameter('limit', `strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  if (text.length > INT64_DIGITS_MAX || BigInt.asIntN(64, BigInt(text)) !== BigInt(text)) throw invalidParameter('limit', `strconv.Atoi: parsing ${JSON.stringify(text)}: value out of range`);
  const limit = Number(text);
  if (limit < 0) throw invalidParameter('limit', 'limit must be non-negative');
  return limit;
}

/** Whether the answer is to tell the query's plan: `plan` without evaluating it, `analyze` with what each part of it took. */
export function explainParameter(parameters: URLSearchParams): ExplainMode | undefined {
  const text = parameters.get('explain') ?? '';
  if (text === '') return undefined;
  if (text !== 'plan' && text !== 'analyze') throw invalidParameter('explain', `got ${JSON.stringify(text)}, want "plan" or "analyze"`);
  return text;
}

/** A whole number from 0 to `max`; Prometheus says of everything else what `wrong` says. */
export function countParameter(parameters: URLSearchParams, name: string, fallback: number, wrong: (text: string) => string, max = Infinity): number {
  const text = parameters.get(name) ?? '';
  if (text === '') return fallback;
  const count = /^\+?\d{1,15}$/.test(text) ? Number(text) : NaN;
  if (!(count <= max)) throw badData(wrong(text));
  return count;
}

/** The texts that Go reads as a boolean. */
const BOOLEANS: Readonly<Record<string, boolean>> = {
  1: true, t: true, T: true, true: true, TRUE: true, True: true,
  0: false, f: false, F: false, false: false, FALSE: false, False: false,
};

export function booleanParameter(parameters: URLSearchParams, name: string, fallback: boolean): boolean {
  const text = parameters.get(name) ?? '';
  if (text === '') return fallback;
  const value = Object.hasOwn(BOOLEANS, text) ? BOOLEANS[text] : undefined;
  if (value === undefined) throw invalidParameter(name, `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
  return value;
}

/** The selectors of `match[]`: each with at least one matcher that does not take the empty value. */
export function selectorParameters(parameters: URLSearchParams): (readonly Matcher[])[] {
  const texts = parameters.getAll('match[]');
  if (texts.length > LIMITS.selectorsPerRequestMax) {
    throw badData(`${texts.length} match[] parameters, the limit selectorsPerRequestMax is ${LIMITS.selectorsPerRequestMax}`);
  }
  const regexes = new RegexAllowance();
  const selectors = texts.map((text) => {
    if (text.length > LIMITS.queryTextCharactersMax) throw badData(`a match[] of ${text.length} characters, the limit queryTextCharactersMax is ${LIMITS.queryTextCharactersMax}`);
    return parseMetricSelector(text, regexes);
  });
  if (selectors.some((matchers) => matchers.every(matcherMatchesEmpty))) throw badData('match[] must contain at least one non-empty matcher');
  return selectors;
}

/** Runs `body`, whose bad-data errors are about the parameter `name`, and says so in them. */
export function aboutParameter<T>(name: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw asParameterError(name, error);
  }
}

/** What to throw instead of `error`, met while reading the parameter `name`. */
export function asParameterError(name: string, error: unknown): unknown {
  return error instanceof VarveError && error.kind === 'bad-data' ? invalidParameter(name, error.message) : error;
}
