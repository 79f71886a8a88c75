/**
 * A Cloudflare Queue's producing end as a port. Nothing is known of the fate of messages whose sending failed: some may have been taken.
 */
export interface MessageQueue {
  /** Resolves when all the messages, texts, have been taken. */
  sendBatch(messages: readonly string[]): Promise<void>;
}

export function cloudflareQueue(queue: Queue): MessageQueue {
  return {
    async sendBatch(messages) {
      await queue.sendBatch(messages.map((body) => ({ body, contentType: 'text' as const })));
    },
  };
}
