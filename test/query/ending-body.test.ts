import { describe, expect, test } from 'vitest';
import { endingBody } from '../../query/ending-body.ts';

/** A body of some chunks, how it ended, and what was heard of its end. */
function bodyOf(chunkCount: number, durationMsMax = 60_000, failsAt = Infinity, ageMs = 0) {
  const seen = { made: 0, ended: 0, canceled: undefined as unknown };
  const source = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        if (seen.made === failsAt) throw new Error('broken');
        if (seen.made === chunkCount) return controller.close();
        controller.enqueue(Uint8Array.of(seen.made++));
      },
      cancel: (reason) => void (seen.canceled = reason),
    },
    { highWaterMark: 0 },
  );
  return { seen, body: endingBody(source, { name: 'queryAnswerMsMax', durationMsMax }, ageMs, () => seen.ended++) };
}

describe('a body tells its end once', () => {
  test('when it has been read', async () => {
    const { seen, body } = bodyOf(3);
    expect([...new Uint8Array(await new Response(body).arrayBuffer())]).toEqual([0, 1, 2]);
    expect(seen).toEqual({ made: 3, ended: 1, canceled: undefined });
  });

  test('when nobody wants the rest', async () => {
    const { seen, body } = bodyOf(3);
    const reader = body.getReader();
    await reader.read();
    await reader.cancel('enough');
    expect(seen).toEqual({ made: 1, ended: 1, canceled: 'enough' });
  });

  test('when it breaks', async () => {
    const { seen, body } = bodyOf(3, 60_000, 1);
    await expect(new Response(body).arrayBuffer()).rejects.toThrow('broken');
    expect(seen.ended).toBe(1);
  });

  test('when its time is up: a reader that stands still keeps nothing, and gets an error and not a short answer', async () => {
    const { seen, body } = bodyOf(3, 20);
    const reader = body.getReader();
    await reader.read();
    await expect.poll(() => seen.ended).toBe(1);
    expect(String(seen.canceled)).toContain('the answer has not been read within queryAnswerMsMax (20 ms)');
    await expect(reader.read()).rejects.toThrow('queryAnswerMsMax');
    expect(seen).toMatchObject({ made: 1, ended: 1 });
  });

  test.each([59_980, 90_000])('when its time is up, of which %i of 60,000 ms were over before', async (ageMs) => {
    const { seen, body } = bodyOf(3, 60_000, Infinity, ageMs);
    await expect.poll(() => seen.ended).toBe(1);
    await expect(body.getReader().read()).rejects.toThrow('queryAnswerMsMax (60000 ms)');
  });
});
