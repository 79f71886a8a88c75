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
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../storage/runtime/units.ts';

/** What Prometheus' clients send for "as early as can be" and "as late as can be". */
const MIN_TIME_TEXT = '-292273086-05-16T16:47:06Z';
const MAX_TIME_TEXT = '292277025-08-18T07:12:54.999999999Z';
/** The times that dates can express, in Unix milliseconds. */
export const TIME_MS_MAX = 8.64e15;

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
  const timeMs = parseTime(text);
  // Prometheus says it twice where the parameter may be absent.
  if (timeMs === undefined) throw invalidParameter(name, `invalid time value for '${name}': ${noTimestamp(text)}`);
  return timeMs;
}

export function requiredTime(parameters: URLSearchParams, name: string): number {
  const text = parameters.get(name) ?? '';
  const timeMs = parseTime(text);
  if (timeMs === undefined) throw invalidParameter(name, noTimestamp(text));
  return timeMs;
}

function noTimestamp(text: string): string {
  return `cannot parse ${JSON.stringify(text)} to a valid timestamp`;
}

const RFC3339 = /^(\d{4}-\d\d-\d\d)T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;
const FLOAT = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const UNDERSCORE_BETWEEN_DIGITS = /(?<=\d)_(?=\d)/g;

/** A number as Go writes it, apart from hexadecimal ones; `undefined` where it is none, or more than a double can hold. */
function parseFloat64(text: string): number | undefined {
  if (/^[+-]?inf(?:inity)?$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  if (/^nan$/i.test(text)) return NaN;
  const plain = text.replace(UNDERSCORE_BETWEEN_DIGITS, '');
  const value = FLOAT.test(plain) ? Number(plain) : NaN;
  return Number.isFinite(value) ? value : undefined;
}

function parseTime(text: string): number | undefined {
  const seconds = parseFloat64(text);
  if (seconds !== undefined) {
    const timeMs = Math.round(seconds * 1000);
    return Math.abs(timeMs) <= TIME_MS_MAX ? timeMs : undefined;
  }
  const day = RFC3339.exec(text)?.[1];
  if (day !== undefined) {
    const timeMs = Date.parse(text);
    return !Number.isNaN(timeMs) && isDayOfCalendar(day) ? timeMs : undefined;
  }
  if (text === MIN_TIME_TEXT) return -TIME_MS_MAX;
  if (text === MAX_TIME_TEXT) return TIME_MS_MAX;
  return undefined;
}

/** `Date.parse` takes the 30th of February for the first of March. */
function isDayOfCalendar(day: string): boolean {
  return new Date(Date.parse(day)).toISOString().startsWith(day);
}

/** Nanoseconds in an int64, as milliseconds: about 292 years. */
const DURATION_MS_MAX = 2 ** 63 / 1e6;

const DURATION = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;
const DURATION_UNITS_MS = [365 * DAY_MS, 7 * DAY_MS, DAY_MS, HOUR_MS, MINUTE_MS, 1000, 1];

/** Milliseconds of a parameter in float seconds or Prometheus' duration text; `undefined` when it is absent. */
export function durationParameter(parameters: URLSearchParams, name: string): number | undefined {
  return parameters.get(name) ? requiredDuration(parameters, name) : undefined;
}

export function requiredDuration(parameters: URLSearchParams, name: string): number {
  const text = parameters.get(name) ?? '';
  const durationMs = parseDuration(text);
  if (typeof durationMs === 'string') throw invalidParameter(name, durationMs);
  return durationMs;
}

/** `undefined` for the server's own look-back, which is also what zero and less stand for. */
export function lookbackParameter(parameters: URLSearchParams): number | undefined {
  const text = parameters.get('lookback_delta') ?? '';
  if (text === '') return undefined;
  const lookbackMs = parseDuration(text);
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
  const resolutionMs = parseDuration(text);
  if (typeof resolutionMs === 'string') throw invalidParameter('max_source_resolution', resolutionMs);
  if (resolutionMs < 0) throw invalidParameter('max_source_resolution', 'it must be "auto", 0s or a resolution such as 5m or 1h');
  return resolutionMs;
}

/** Milliseconds, or what is wrong with the text. */
function parseDuration(text: string): number | string {
  const wrong = `cannot parse ${JSON.stringify(text)} to a valid duration`;
  const seconds = parseFloat64(text);
  if (seconds !== undefined) return Math.abs(seconds * 1000) <= DURATION_MS_MAX ? seconds * 1000 : `${wrong}. It overflows int64`;
  const parts = text === '' ? null : DURATION.exec(text);
  const durationMs = parts === null ? NaN : DURATION_UNITS_MS.reduce((sum, unitMs, i) => sum + Number(parts[i + 1] ?? 0) * unitMs, 0);
  return durationMs <= DURATION_MS_MAX ? durationMs : wrong;
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
