import type { Run } from '../report.ts';
import { sleep } from '../../processes/sleep.ts';

const ANSWER_WAIT_MS = 30_000;
const LOOK_EACH_MS = 5;

interface HeapUsage {
  readonly usedSize: number;
  readonly backingStorageSize?: number;
}

/** Between two looks so much of the heap goes only with a collection of all of it, array buffers included; one of what is young takes a few megabytes. */
const COLLECTED_SHARE = 0.25;

/** Beyond what there was before, in bytes. */
export interface HeapGrowth {
  /** Garbage that nobody has collected yet is in it. */
  readonly mostBytes: number;
  /** Right behind a full collection, where the most was left; `undefined` when there was none. What is alive is no more. */
  readonly mostLeftBytes: number | undefined;
  /** All that was in use then, what there was before included. */
  readonly allLeftBytes: number | undefined;
  readonly looks: number;
}

/** As figures of a run: of `flush` they are `flushHeapMebibytes`, `flushHeapLeftMebibytes` and `flushHeapAllMebibytes`. */
export function heapFigures(of: string, { mostBytes, mostLeftBytes = NaN, allLeftBytes = NaN }: HeapGrowth): Run {
  return { [`${of}HeapMebibytes`]: mostBytes / 2 ** 20, [`${of}HeapLeftMebibytes`]: mostLeftBytes / 2 ** 20, [`${of}HeapAllMebibytes`]: allLeftBytes / 2 ** 20 };
}

/**
 * What the heap of the Worker's isolate takes, objects included, as its inspector says: V8's, and array buffers. workerd collects nothing when the
 * inspector asks.
 */
export class HeapProbe {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (result: unknown) => void>();
  #id = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener('message', (event: MessageEvent) => {
      const data: unknown = event.data;
      const { id, result } = JSON.parse(String(data)) as { readonly id?: number; readonly result?: unknown };
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
    return new HeapProbe(socket);
  }

  /** Bytes in use now. */
  async usedBytes(): Promise<number> {
    const { usedSize, backingStorageSize = 0 } = (await this.#call('Runtime.getHeapUsage')) as HeapUsage;
    return usedSize + backingStorageSize;
  }

  async growth(work: () => Promise<unknown>): Promise<HeapGrowth> {
    const beforeBytes = await this.usedBytes();
    let mostBytes = 0;
    let mostLeftBytes: number | undefined;
    let looks = 0;
    let isOver = false;
    const watch = async (): Promise<void> => {
      for (let lastBytes = 0; !isOver; looks++) {
        const usedBytes = await this.usedBytes();
        const bytes = usedBytes - beforeBytes;
        mostBytes = Math.max(mostBytes, bytes);
        if (usedBytes < lastBytes * (1 - COLLECTED_SHARE)) mostLeftBytes = Math.max(mostLeftBytes ?? bytes, bytes);
        lastBytes = usedBytes;
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
    return { mostBytes, mostLeftBytes, allLeftBytes: mostLeftBytes === undefined ? undefined : beforeBytes + mostLeftBytes, looks };
  }

  close(): void {
    this.#socket.close();
  }

  #call(method: string): Promise<unknown> {
    const id = ++this.#id;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${method}: no answer`)), ANSWER_WAIT_MS);
      this.#waiting.set(id, (result) => {
        clearTimeout(timer);
        resolve(result);
      });
      this.#socket.send(JSON.stringify({ id, method }));
    });
  }
}
