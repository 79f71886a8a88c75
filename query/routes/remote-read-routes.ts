import { Hono, type Context } from 'hono';
import { readShortBody } from '../../ingest/short-body.ts';
import type { RawSeries, SeriesSource } from '../../promql/series-source.ts';
import { DecodeError } from '../../proto/decode-error.ts';
import { decodeReadRequest, readFrames, ReadResponseWriter, type ReadQuery, type ReadRequest, type ReadSeries } from '../../proto/remote-read.ts';
import { snappyEncode, snappyJsDecoder } from '../../proto/snappy.ts';
import type { Matcher } from '../../storage/model/matcher.ts';
import { RegexAllowance } from '../../storage/model/regex.ts';
import { writeStale } from '../../storage/model/sample.ts';
import { badData, messageOf, VarveError } from '../../storage/runtime/errors.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { requestIdOf } from '../request-id.ts';
import { failure } from '../respond.ts';
import { TenantSource } from '../source/tenant-source.ts';
import { openTenant, type TenantServices } from '../tenant.ts';
import { TIME_MS_MAX } from '../time-text.ts';

const decodeSnappy = snappyJsDecoder(LIMITS.remoteReadBodyBytesMax, 'remoteReadBodyBytesMax');

/** Prometheus' remote read, to be mounted at `/api/v1`: raw samples of selectors, both forms of answers. */
export function remoteReadRoutes(services: TenantServices): Hono {
  const routes = new Hono();
  routes.post('/read', async (context) => {
    try {
      return await read(services, context);
    } catch (error) {
      return failure(error, requestIdOf(context));
    }
  });
  return routes;
}

async function read(services: TenantServices, context: Context): Promise<Response> {
  const body = await readShortBody(context.req.raw, 'remoteReadBodyBytesMax');
  const { queries, responseType } = decodeRequest(body);
  if (queries.length > LIMITS.selectorsPerRequestMax) {
    throw badData(`${queries.length} queries in one request, the limit selectorsPerRequestMax is ${LIMITS.selectorsPerRequestMax}`);
  }
  const shards = await openTenant(services, context);
  const { signal } = context.req.raw;
  const source = new TenantSource(shards, LIMITS.querySamplesMax, services.clock);
  return responseType === 'samples' ? samplesAnswer(source, queries, signal) : streamedAnswer(source, queries, signal);
}

function decodeRequest(body: Uint8Array): ReadRequest {
  let request: ReadRequest;
  try {
    request = decodeReadRequest(decodeSnappy(body));
  } catch (error) {
    if (error instanceof DecodeError) throw badData(`the read request cannot be decoded: ${error.message}`);
    throw error;
  }
  const regexes = new RegexAllowance();
  for (const matcher of request.queries.flatMap(({ matchers }) => matchers)) checkMatcher(matcher, regexes);
  return request;
}

/** A pattern that cannot be read is the client's mistake, and must not reach a shard. */
function checkMatcher({ name, type, value }: Matcher, regexes: RegexAllowance): void {
  try {
    if (type === '=~' || type === '!~') regexes.compile(value);
  } catch (error) {
    throw badData(`matcher ${name}${type}${JSON.stringify(value)}: ${messageOf(error)}`);
  }
}

/** All samples in one message, which stands in memory: bounded, and the streamed form is not. */
async function samplesAnswer(source: SeriesSource, queries: readonly ReadQuery[], signal: AbortSignal): Promise<Response> {
  const response = new ReadResponseWriter();
  let sampleCount = 0;
  const counted = async function* (query: ReadQuery): AsyncGenerator<ReadSeries> {
    for await (const series of select(source, query, signal)) {
      sampleCount += series.timestampsMs.length;
      if (sampleCount > LIMITS.remoteReadSamplesMax) {
        throw new VarveError('limit', `exceeded sample limit (remoteReadSamplesMax is ${LIMITS.remoteReadSamplesMax}); ask for less, or accept STREAMED_XOR_CHUNKS`);
      }
      yield series;
    }
  };
  for (const query of queries) await response.result(counted(query));
  const headers = { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' };
  // The body is compressed already: the runtime must take it as it is.
  return new Response(snappyEncode(response.finish()) as Uint8Array<ArrayBuffer>, { headers, encodeBody: 'manual' } as ResponseInit);
}

/** Frames leave as they are made, and no more are made than the client takes. What fails before the first one is a proper error. */
async function streamedAnswer(source: SeriesSource, queries: readonly ReadQuery[], signal: AbortSignal): Promise<Response> {
  const frames = allFrames(source, queries, signal);
  let next = await frames.next();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (next.done === true) controller.close();
      else {
        controller.enqueue(next.value);
        next = await frames.next();
      }
    },
    async cancel() {
      await frames.return(undefined);
    },
  });
  return new Response(body, { headers: { 'content-type': 'application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse' } });
}

async function* allFrames(source: SeriesSource, queries: readonly ReadQuery[], signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  for (const [index, query] of queries.entries()) yield* readFrames(select(source, query, signal), index, LIMITS.remoteReadFrameBytesTarget);
}

async function* select(source: SeriesSource, { matchers, startMs, endMs }: ReadQuery, signal: AbortSignal): AsyncGenerator<ReadSeries> {
  // Clients send the least and the greatest int64 for "all time".
  const range = { startMs: Math.max(startMs, -TIME_MS_MAX), endMs: Math.min(endMs, TIME_MS_MAX) };
  for await (const series of source.select({ matchers, ...range }, signal)) yield withBits(series);
}

/** Values by their bits, stale markers as the protocol has them: a reader tells them by the payload of their NaN. */
function withBits({ labels, timestampsMs, values, isStale, histograms }: RawSeries): ReadSeries {
  let column = values;
  if (isStale !== undefined) {
    column = values.slice();
    isStale.forEach((flag, i) => {
      if (flag === 1) writeStale(column, i);
    });
  }
  return { labels, timestampsMs, histograms, valueBits: new Uint32Array(column.buffer, column.byteOffset, column.length * 2) };
}
