import { errorAnswer } from './error-answers.ts';
import { ByteText, type TextPart } from './text/byte-text.ts';

/** Prometheus' warning where `limit` has left something out. */
export const TRUNCATED = 'results truncated due to limit';

/** Annotations shown at most, of each kind; the rest is counted in one more line, as Prometheus does. */
const ANNOTATIONS_MAX = 10;

export interface Notes {
  readonly warnings?: readonly string[];
  readonly infos?: readonly string[];
  /** Kinds of which there were more that nobody has counted. */
  readonly cut?: readonly ('warning' | 'info')[] | undefined;
  /** The plan of a query as text. */
  readonly explain?: string | undefined;
}

const JSON_HEADERS = { 'content-type': 'application/json' };

/** The success envelope around `data`, which is JSON already. */
export function* successText(data: Iterable<TextPart>, notes: Notes): Generator<TextPart> {
  yield DATA_BEGINS;
  yield* data;
  yield* endText(notes);
}

/** What stands in front of the data of an answer. */
export const DATA_BEGINS = '{"status":"success","data":';

/** What stands behind them. */
export function* endText(notes: Notes): Generator<string> {
  yield* noteText('warnings', 'warning', notes.warnings, notes.cut);
  yield* noteText('infos', 'info', notes.infos, notes.cut);
  if (notes.explain !== undefined) yield `,"explain":${JSON.stringify(notes.explain)}`;
  yield '}';
}

function* noteText(field: string, noun: 'warning' | 'info', notes: readonly string[] | undefined, cut: Notes['cut']): Generator<string> {
  if (notes === undefined || notes.length === 0) return;
  yield `,"${field}":${JSON.stringify(shownNotes(noun, notes, cut))}`;
}

/** The first annotations, and how many more there are. */
export function shownNotes(noun: 'warning' | 'info', notes: readonly string[], cut: Notes['cut'] = []): string[] {
  const shown = notes.slice(0, ANNOTATIONS_MAX);
  const more = notes.length - shown.length;
  const atLeast = cut.includes(noun) ? 'at least ' : '';
  if (more > 0) shown.push(`${atLeast}${more} more ${noun} annotations omitted`);
  return shown;
}

export function success(data: unknown): Response {
  return successOf(JSON.stringify(data), {});
}

const utf8 = new TextEncoder();
const DATA_BEGINS_BYTES = utf8.encode(DATA_BEGINS);

/** The success envelope around data that are JSON already, and at hand. */
export function successOf(json: string | Uint8Array, notes: Notes): Response {
  const end = [...endText(notes)].join('');
  if (typeof json === 'string') return whole(utf8.encode(DATA_BEGINS + json + end));
  const endBytes = utf8.encode(end);
  const bytes = new Uint8Array(DATA_BEGINS_BYTES.length + json.length + endBytes.length);
  bytes.set(DATA_BEGINS_BYTES);
  bytes.set(json, DATA_BEGINS_BYTES.length);
  bytes.set(endBytes, DATA_BEGINS_BYTES.length + json.length);
  return whole(bytes);
}

/** An answer that is at hand; its length tells whether compressing it is worth the while. */
function whole(bytes: Uint8Array, status = 200): Response {
  return new Response(bytes as Uint8Array<ArrayBuffer>, { status, headers: { ...JSON_HEADERS, 'content-length': String(bytes.length) } });
}

/**
 * Bytes sent at a time: large answers leave as they are written instead of standing in memory twice. As much is written within a few
 * milliseconds, and most panels are one piece, which needs no stream: handing over a chunk costs as much as writing a hundred KiB.
 */
const CHUNK_BYTES = 512 * 1024;

export function streamed(parts: Generator<TextPart>): Response {
  const first = nextChunk(parts);
  if (first.done) return whole(first.bytes);
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(first.bytes),
    pull: (controller) => {
      const chunk = nextChunk(parts);
      if (chunk.bytes.length > 0) controller.enqueue(chunk.bytes);
      if (chunk.done) controller.close();
    },
    cancel: () => void parts.return(undefined),
  });
  return new Response(body, { headers: JSON_HEADERS });
}

/** An answer that somebody else has written, in one chunk or more. */
export function answerOf(chunks: readonly Uint8Array<ArrayBuffer>[]): Response {
  if (chunks.length === 1) return whole(chunks[0]!);
  let next = 0;
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      controller.enqueue(chunks[next++]!);
      if (next === chunks.length) controller.close();
    },
  });
  return new Response(body, { headers: JSON_HEADERS });
}

/**
 * An answer that is written as its data arrive: `write` adds text until there is about `bytesTarget`, and tells whether more follows. What it
 * throws at first is thrown here; later it ends the connection, so that nobody takes half an answer for all.
 */
export async function streamedAsync(write: (text: ByteText, bytesTarget: number) => Promise<boolean>): Promise<Response> {
  const text = new ByteText();
  const hasMore = await write(text, CHUNK_BYTES);
  const first = text.written().slice();
  if (!hasMore) return whole(first);
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(first),
    pull: async (controller) => {
      text.clear();
      const isOpen = await write(text, CHUNK_BYTES);
      controller.enqueue(text.written().slice());
      if (!isOpen) controller.close();
    },
  });
  return new Response(body, { headers: JSON_HEADERS });
}

/** Where all answers are written, one chunk at a time: room that has been used before costs much less than new room. */
const chunkText = new ByteText();

/** About so many bytes of a text, and whether that was the last of it. */
export function nextChunk(parts: Generator<TextPart>, bytesTarget = CHUNK_BYTES): { bytes: Uint8Array<ArrayBuffer>; done: boolean } {
  chunkText.clear();
  let done = false;
  while (!done && chunkText.length < bytesTarget) {
    const part = parts.next();
    if (part.done === true) done = true;
    else chunkText.part(part.value);
  }
  return { bytes: chunkText.written().slice(), done };
}

/** The error envelope. */
export function failure(error: unknown, requestId?: string): Response {
  const { status, code, message, headers } = errorAnswer(error, 'prometheus', requestId);
  const answer = whole(utf8.encode(JSON.stringify({ status: 'error', errorType: code, error: message })), status);
  for (const [name, value] of Object.entries(headers)) answer.headers.set(name, value);
  return answer;
}
