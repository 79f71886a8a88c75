import { evictAllDurableObjects, runDurableObjectAlarm } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { labelsFrom } from '../../storage/model/labels.ts';
import { encodeAppendMessage } from '../../storage/shard/append/append-message.ts';

/*
 * A shard has the limits of its tenant, which it knows by its own name alone: that the runtime tells an object its name, whatever woke it, is
 * what this rests on. The tenant `capped` of vitest.config.ts may have two series.
 */
const nowMs = Date.now();

/** A batch of new series `from` to `to`. */
function batch(from: number, to: number): ArrayBuffer {
  const numbers = Array.from({ length: to - from }, (_, i) => from + i);
  const values = new Float64Array(numbers.length).fill(1);
  return encodeAppendMessage(
    {
      seriesCount: numbers.length,
      sampleCount: numbers.length,
      idLow: Uint32Array.from(numbers),
      idHigh: Uint32Array.from(numbers),
      idCheck: Uint32Array.from(numbers),
      sampleEnd: Uint32Array.from(numbers, (_, i) => i + 1),
      timestampsMs: new Float64Array(numbers.length).fill(nowMs),
      valueBits: new Uint32Array(values.buffer),
    },
    new Map(numbers.map((number, i) => [i, labelsFrom({ __name__: 'm', i: String(number) })])),
  );
}

const shardOf = (tenant: string) => env.SHARD.get(env.SHARD.idFromName(`${tenant}/shard/0/0`));

test('activeSeriesMax is the tenant’s, also behind an eviction and when an alarm has woken the object', async () => {
  expect(await shardOf('capped').append(batch(0, 3))).toMatchObject({ samplesStored: 2, refusals: [{ kind: 'limit', message: expect.stringContaining('the limit activeSeriesMax is 2') as unknown }], refusedSeries: Uint32Array.of(2) });
  expect(await shardOf('another').append(batch(0, 3))).toMatchObject({ samplesStored: 3, refusals: [] });
  await evictAllDurableObjects();
  expect(await shardOf('capped').append(batch(3, 4))).toMatchObject({ samplesStored: 0, refusals: [{ kind: 'limit' }] });
  await evictAllDurableObjects();
  await runDurableObjectAlarm(shardOf('capped'));
  expect(await shardOf('capped').append(batch(4, 5))).toMatchObject({ samplesStored: 0, refusals: [{ kind: 'limit' }] });
  await runDurableObjectAlarm(shardOf('another'));
  expect(await shardOf('another').append(batch(3, 5))).toMatchObject({ samplesStored: 2, refusals: [] });
});
