import { deadline } from '../storage/runtime/deadline.ts';
import { VarveError } from '../storage/runtime/errors.ts';

/** How old an answer may get, and what that limit is called. */
export interface AnswerLimit {
  readonly name: string;
  readonly durationMsMax: number;
}

/**
 * A body that says when it has been read to its end, or will not be. Whoever has not read all of it when the answer is `durationMsMax` old,
 * and it is `ageMs` old now, gets no more: the connection ends, and with it what the answer is made from, which a reader that stands still
 * would keep for as long as it likes.
 */
export function endingBody(body: ReadableStream<Uint8Array>, { name, durationMsMax }: AnswerLimit, ageMs: number, ended: () => void): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  const late = deadline(Math.max(0, durationMsMax - ageMs));
  let giveUp: (() => void) | undefined;
  const end = (): void => {
    if (giveUp !== undefined) late.removeEventListener('abort', giveUp);
    ended();
  };
  const source: UnderlyingSource<Uint8Array> = {
    start(controller) {
      giveUp = () => {
        const reason = new VarveError('timeout', `the answer has not been read within ${name} (${durationMsMax} ms)`);
        controller.error(reason);
        ended();
        void reader.cancel(reason).catch(() => undefined);
      };
      late.addEventListener('abort', giveUp);
    },
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (late.aborted) return;
        if (!done) return controller.enqueue(value);
      } catch (error) {
        end();
        throw error;
      }
      end();
      controller.close();
    },
    async cancel(reason) {
      end();
      await reader.cancel(reason);
    },
  };
  return new ReadableStream(source, { highWaterMark: 0 });
}
