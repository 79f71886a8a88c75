/** What a source may do with its stream. */
export interface ByteSink {
  enqueue(bytes: Uint8Array): void;
  close(): void;
  error(reason: unknown): void;
}

export interface ByteSource {
  readonly start?: (sink: ByteSink) => unknown;
  readonly pull?: (sink: ByteSink) => unknown;
  readonly cancel?: () => void;
}

/**
 * A stream of bytes as the runtime's bodies are, which can be read into buffers of the reader's. Nothing is asked of the source before somebody reads. Bytes are
 * copied, since a stream of bytes takes the buffers that it is given; empty ones are nothing.
 */
export function byteStream({ start, pull, cancel }: ByteSource): ReadableStream {
  const sinkOf = (controller: ReadableByteStreamController): ByteSink => ({
    enqueue: (bytes) => {
      if (bytes.length > 0) controller.enqueue(Uint8Array.from(bytes));
    },
    close: () => {
      controller.close();
      // Whoever is reading would else wait for bytes.
      controller.byobRequest?.respond(0);
    },
    error: (reason) => controller.error(reason),
  });
  return new ReadableStream(
    {
      type: 'bytes',
      start: (controller) => start?.(sinkOf(controller as ReadableByteStreamController)) as undefined,
      pull: async (controller) => void (await pull?.(sinkOf(controller as ReadableByteStreamController))),
      cancel: () => cancel?.(),
    },
    { highWaterMark: 0 },
  );
}
