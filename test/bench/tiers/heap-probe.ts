import type { Run } from '../report.ts';
import { sleep } from '../../processes/sleep.ts';

const ANSWER_WAIT_MS = 30_000;
const LOOK_EACH_MS = 30;
/** Twice: array buffers that a collection has found dead are counted until the next one begins. The Worker's process needs `--expose-gc`. */
const COLLECT = 'gc();gc()';

interface HeapUsage {
  readonly usedSize: number;
  readonly totalSize: number;
  readonly backingStorageSize?: number;
}

interface Message {
  readonly id?: number;
  readonly result?: unknown;
  readonly method?: string;
  readonly params?: { readonly context?: { readonly id: number } };
}

/** Beyond what there was before, in bytes. */
export interface HeapGrowth {
  /** Of what is alive, the most. */
  readonly mostBytes: number;
  /** All that was alive then, what there was before included. */
  readonly allBytes: number;
  readonly looks: number;
}

/** As figures of a run: of `flush` they are `flushHeapMebibytes` and `flushHeapAllMebibytes`. */
export function heapFigures(of: string, { mostBytes, allBytes }: HeapGrowth): Run {
  return { [`${of}HeapMebibytes`]: mostBytes / 2 ** 20, [`${of}HeapAllMebibytes`]: allBytes / 2 ** 20 };
}

/**
 * What the heap of the Worker's isolate takes, objects included, as its inspector says: V8's, and array buffers. Each look collects first, so
 * that it counts what is alive alone; looks go through wherever the isolate waits.
 */
export class HeapProbe {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (result: unknown) => void>();
  #contextId: number | undefined;
  #id = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener('message', (event: MessageEvent) => {
      const data: unknown = event.data;
      const { id, result, method, params } = JSON.parse(String(data)) as Message;
      if (method === 'Runtime.executionContextCreated') this.#contextId = params?.context?.id;
      if (id === undefined) return;
      this.#waiting.get(id)?.(result);
      this.#waiting.delete(id);
    });
  }

  static async connect(port: number): Promise<HeapProbe> {
    const targets = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as readonly { readonly webSocketDebuggerUrl: string }[];
    const [target] = targets;
    if (target === undefined) throw new Error('the inspector knows no isolate');
    const socket = new WebSocket(target.webSocketDebuggerUrl);
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener('open', () => resolve(), { once: true });
      socket.addEventListener('error', () => reject(new Error('the inspector refuses')), { once: true });
    });
    const probe = new HeapProbe(socket);
    await probe.#call('Runtime.enable');
    return probe;
  }

  /** Bytes alive now. */
  async aliveBytes(): Promise<number> {
    // Sent together, so that the isolate does not go on in between: what it does then is garbage that would be counted, up to 50 MiB of a roll-up.
    const [collected, usage] = await Promise.all([this.#call('Runtime.evaluate', { expression: COLLECT, contextId: this.#contextId }), this.#call('Runtime.getHeapUsage')]);
    const { exceptionDetails } = collected as { readonly exceptionDetails?: { readonly text: string } };
    if (exceptionDetails !== undefined) throw new Error(`nothing can be collected: ${exceptionDetails.text}`);
    const { usedSize, backingStorageSize = 0 } = usage as HeapUsage;
    return usedSize + backingStorageSize;
  }

  /** What V8's heap has taken from the system, garbage and room included; without buffers. */
  async takenBytes(): Promise<number> {
    return ((await this.#call('Runtime.getHeapUsage')) as HeapUsage).totalSize;
  }

  async growth(work: () => Promise<unknown>): Promise<HeapGrowth> {
    const beforeBytes = await this.aliveBytes();
    let mostBytes = 0;
    let looks = 0;
    let isOver = false;
    const watch = async (): Promise<void> => {
      for (; !isOver; looks++) {
        mostBytes = Math.max(mostBytes, (await this.aliveBytes()) - beforeBytes);
        await sleep(LOOK_EACH_MS);
      }
    };
    const watching = watch();
    // A look that fails is told once the work is through: before, nobody waits for it, and the process would end with its servers left running.
    watching.catch(() => undefined);
    try {
      await work();
    } finally {
      isOver = true;
      await watching;
    }
    return { mostBytes, allBytes: beforeBytes + mostBytes, looks };
  }

  close(): void {
    this.#socket.close();
  }

  #call(method: string, params: object = {}): Promise<unknown> {
    const id = ++this.#id;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${method}: no answer`)), ANSWER_WAIT_MS);
      this.#waiting.set(id, (result) => {
        clearTimeout(timer);
        resolve(result);
      });
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }
}
