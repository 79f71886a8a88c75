import { Agent, request } from 'node:http';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Buffer;
}

export interface HttpCall {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  readonly agent?: Agent;
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 120_000;

/** One HTTP exchange over `node:http`, which costs less CPU than `fetch`: the load generator shares its cores with what it measures. */
export function http(call: HttpCall): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const body = typeof call.body === 'string' ? Buffer.from(call.body) : call.body;
    const outgoing = request(
      call.url.href,
      {
        method: call.method,
        ...(call.agent === undefined ? {} : { agent: call.agent }),
        headers: { ...call.headers, ...(body === undefined ? {} : { 'content-length': body.byteLength }) },
        timeout: call.timeoutMs ?? TIMEOUT_MS,
      },
      (incoming) => {
        const parts: Buffer[] = [];
        incoming.on('data', (part: Buffer) => parts.push(part));
        incoming.once('error', reject);
        incoming.once('end', () => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(parts) }));
      },
    );
    outgoing.once('timeout', () => outgoing.destroy(new Error(`no answer from ${call.url.href} in time`)));
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}

/** An agent that keeps exactly as many connections open as there are callers. */
export function keepAliveAgent(connections: number): Agent {
  return new Agent({ keepAlive: true, maxSockets: connections, maxFreeSockets: connections });
}
