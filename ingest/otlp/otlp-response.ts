import { mediaTypeOf } from '../../proto/media-type.ts';
import { ProtobufWriter } from '../../proto/protobuf-writer.ts';
import { counted } from '../../storage/runtime/counted.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import { retryHeaders, WRITE_STATUS, type MoreHeaders } from '../write-outcome.ts';
import type { OtlpEncoding, OtlpOutcome } from './otlp-door.ts';

/*
 * Answers of OTLP/HTTP (opentelemetry-proto `docs/specification.md`, "OTLP/HTTP Response"), in the request's encoding:
 *
 *   ExportMetricsServiceResponse  1: ExportMetricsPartialSuccess partial_success
 *   ExportMetricsPartialSuccess   1: int64 rejected_data_points  2: string error_message
 *   google.rpc.Status             1: int32 code  2: string message
 */
const MEDIA_TYPES: Readonly<Record<OtlpEncoding, string>> = { protobuf: 'application/x-protobuf', json: 'application/json' };

/** google.rpc.Code for the statuses that a request can end with; the sender goes by the HTTP status. */
const RPC_CODES: Readonly<Record<number, number>> = { 400: 3, 401: 16, 403: 7, 404: 5, 413: 3, 415: 3, 429: 8, 503: 14 };
const UNKNOWN_CODE = 2;

/** Of an answer's text: what senders log of it is less. */
const MESSAGE_CHARACTERS_MAX = 16 * 1024;

/**
 * 200 when anything is stored: senders must not send a partial success again, and what was refused is counted and said in it. When nothing
 * is, the reason's own status, by which they do (429, 503) or do not (400).
 */
export function otlpResponse({ stored, pointCount, refusedPointCount: rejected, rejections }: OtlpOutcome, encoding: OtlpEncoding): Response {
  if (rejections.isEmpty) return answer(200, encoding, { json: {}, protobuf: () => {} });
  const storedCount = stored.samples + stored.histograms;
  const message = rejections.reasons();
  if (storedCount === 0 && rejected > 0) return otlpError(new VarveError(rejections.kind, `${counted(rejected, 'data point')} refused: ${message}`), encoding);
  const errorMessage = rejected === 0 ? message : `${rejected} of ${pointCount} data points refused: ${message}`;
  return answer(200, encoding, {
    json: { partialSuccess: { rejectedDataPoints: String(rejected), errorMessage } },
    protobuf: (writer) =>
      writer.message(1, () => {
        writer.int64(1, rejected);
        writer.string(2, errorMessage.slice(0, MESSAGE_CHARACTERS_MAX));
      }),
  });
}

export function otlpError(error: VarveError, encoding: OtlpEncoding): Response {
  const { kind, message } = error;
  const status = WRITE_STATUS[kind];
  const code = RPC_CODES[status] ?? UNKNOWN_CODE;
  return answer(status, encoding, {
    json: { code, message },
    protobuf: (writer) => {
      writer.int64(1, code);
      writer.string(2, message.slice(0, MESSAGE_CHARACTERS_MAX));
    },
    headers: retryHeaders(error),
  });
}

/** The encoding that a content type names; parameters, such as a charset, change nothing. */
export function otlpEncodingOf(contentType: string | undefined): OtlpEncoding | undefined {
  const mediaType = mediaTypeOf(contentType);
  if (mediaType === 'application/json') return 'json';
  return mediaType === 'application/x-protobuf' || mediaType === 'application/protobuf' ? 'protobuf' : undefined;
}

interface Message {
  readonly json: unknown;
  readonly protobuf: (writer: ProtobufWriter) => void;
  readonly headers?: MoreHeaders;
}

function answer(status: number, encoding: OtlpEncoding, message: Message): Response {
  const headers = { ...message.headers, 'content-type': MEDIA_TYPES[encoding] };
  if (encoding === 'json') return new Response(JSON.stringify(message.json), { status, headers });
  const writer = new ProtobufWriter();
  message.protobuf(writer);
  return new Response(writer.written().slice(), { status, headers });
}
