import { exports } from 'cloudflare:workers';
import { expect } from 'vitest';
import { encodeWriteRequest, type WriteRequestSeries } from '../../proto/encode-write-request.ts';
import { snappyEncode } from '../../proto/snappy.ts';
import { labelsFrom } from '../../storage/model/labels.ts';

const BASE = 'http://localhost';
export const WRITE_HEADERS = { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' };

/** The Worker, asked as the runtime asks it. */
export function ask(path: string, init?: RequestInit): Promise<Response> {
  return exports.default.fetch(`${BASE}${path}`, init);
}

/** A series as tests like to write it: labels with `__name__`, and points of time (ms) and value. */
export function series(labels: Readonly<Record<string, string>>, ...points: readonly (readonly [timestampMs: number, value: number])[]): WriteRequestSeries {
  return { labels: labelsFrom(labels), timestampsMs: points.map(([timestampMs]) => timestampMs), values: points.map(([, value]) => value) };
}

export function postWrite(body: Uint8Array | ReadableStream, headers: Record<string, string> = WRITE_HEADERS): Promise<Response> {
  return ask('/api/v1/write', { method: 'POST', headers, body });
}

/** Writes and insists on the acknowledgement. */
export async function write(...all: readonly WriteRequestSeries[]): Promise<void> {
  const answer = await postWrite(snappyEncode(encodeWriteRequest(all)));
  expect([answer.status, await answer.text()]).toEqual([204, '']);
}

export interface Envelope {
  readonly status: string;
  readonly data?: { readonly resultType: string; readonly result: unknown; readonly stats?: unknown };
  readonly errorType?: string;
  readonly error?: string;
  readonly warnings?: string[];
  readonly infos?: string[];
}

type Parameters = Readonly<Record<string, string | number>> | readonly (readonly [string, string])[];

function encode(parameters: Parameters): string {
  const pairs = Array.isArray(parameters) ? (parameters as [string, string][]) : Object.entries(parameters as Record<string, string>).map(([k, v]) => [k, String(v)]);
  return new URLSearchParams(pairs).toString();
}

export async function getJson(path: string, parameters: Parameters = {}): Promise<{ status: number; text: string; json: Envelope }> {
  const answer = await ask(`${path}?${encode(parameters)}`);
  return readEnvelope(answer);
}

export async function postForm(path: string, form: Parameters, url: Parameters = {}): Promise<{ status: number; text: string; json: Envelope }> {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  return readEnvelope(await ask(`${path}?${encode(url)}`, { method: 'POST', headers, body: encode(form) }));
}

async function readEnvelope(answer: Response): Promise<{ status: number; text: string; json: Envelope }> {
  const text = await answer.text();
  expect(answer.headers.get('content-type')).toBe('application/json');
  return { status: answer.status, text, json: JSON.parse(text) as Envelope };
}

/** The result of an instant query, which must succeed. */
export async function instant(query: string, timeMs: number): Promise<unknown> {
  const { status, text, json } = await postForm('/api/v1/query', { query, time: timeMs / 1000 });
  expect(status, text).toBe(200);
  return json.data!.result;
}

/** The data of an answer that is a list, which must succeed. */
export async function list(path: string, parameters: Parameters = {}): Promise<unknown> {
  const { status, text, json } = await getJson(path, parameters);
  expect(status, text).toBe(200);
  return json.data;
}

/** The sum of a shard metric over all shards, from /metrics. */
export async function metric(name: string): Promise<number> {
  const text = await (await ask('/metrics')).text();
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  expect(lines.length, `${name} in ${text}`).toBeGreaterThan(0);
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
