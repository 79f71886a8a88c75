import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe } from 'vitest';
import { durableObjectAlarm } from '../../storage/runtime/alarm.ts';
import { systemClock } from '../../storage/runtime/clock.ts';
import { systemRandom } from '../../storage/runtime/random.ts';
import { durableObjectSql } from '../../storage/runtime/sql.ts';
import { startSystemTimer } from '../../storage/runtime/timer.ts';
import { alarmContract, clockContract, randomContract, timersContract } from '../contract/small-ports.ts';
import { sqlContract } from '../contract/sql.ts';

/* The ports as the platform has them do what their fakes do: both run the same contract. */
let objects = 0;

function inObject(body: (state: DurableObjectState) => void | Promise<void>): Promise<void> {
  return runInDurableObject(env.SHARD.get(env.SHARD.idFromName(`ports-${objects++}`)), async (_instance, state) => body(state));
}

describe('SQL of a Durable Object', () => sqlContract((body) => inObject((state) => body(durableObjectSql(state.storage)))));
describe('the clock of workerd', () => clockContract(() => systemClock));
describe('timers of a Durable Object', () => timersContract(() => ({ start: startSystemTimer, pass: (durationMs) => systemClock.sleep(durationMs) }), inObject));
describe('randomness of workerd', () => randomContract(() => systemRandom));
describe('the alarm of a Durable Object', () =>
  alarmContract((body) =>
    inObject((state) => body({ alarm: durableObjectAlarm(state.storage), ringsAtMs: async () => (await state.storage.getAlarm()) ?? undefined })),
  ));
