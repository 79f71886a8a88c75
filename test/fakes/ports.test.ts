import { describe } from 'vitest';
import { systemClock } from '../../storage/runtime/clock.ts';
import { systemRandom } from '../../storage/runtime/random.ts';
import { durableObjectSql } from '../../storage/runtime/sql.ts';
import { startSystemTimer } from '../../storage/runtime/timer.ts';
import { prefixedSql } from '../../storage/time-series/prefixed-sql.ts';
import { alarmContract, clockContract, randomContract, timersContract } from '../contract/small-ports.ts';
import { sqlContract } from '../contract/sql.ts';
import { FaultySql } from './faulty-sql.ts';
import { FixedClock } from './fixed-clock.ts';
import { ManualTimers } from './manual-timers.ts';
import { MemoryAlarm } from './memory-alarm.ts';
import { NodeSql } from './node-sql.ts';
import { nodeStorage } from './node-storage.ts';
import { SeededRandom } from './seeded-random.ts';
import { WaitingClock } from './waiting-clock.ts';

/* The fakes of the ports, and those of Node, do what the contract says; test/workerd/ports.test.ts has the platform's. */
describe('SQL of Node', () => sqlContract(async (body) => body(new NodeSql())));
describe('SQL that may break and does not', () => sqlContract(async (body) => body(new FaultySql(new NodeSql()))));
describe('SQL of a named store', () => sqlContract(async (body) => body(prefixedSql(new NodeSql(), 'named_'))));
describe('SQL of an object in Node', () => sqlContract(async (body) => body(durableObjectSql(nodeStorage()))));
describe('the clock that stands still', () => clockContract(() => new FixedClock(1_700_000_000_000)));
describe('the clock of Node', () => clockContract(() => systemClock));
describe('timers that are told', () =>
  timersContract(() => {
    const timers = new ManualTimers();
    return { start: timers.start, pass: (durationMs) => timers.advance(durationMs) };
  }));
describe('timers of a clock that is told', () =>
  timersContract(() => {
    const clock = new WaitingClock(1_700_000_000_000);
    return { start: clock.startTimer, pass: (durationMs) => clock.advance(durationMs) };
  }));
describe('timers of Node', () => timersContract(() => ({ start: startSystemTimer, pass: (durationMs) => systemClock.sleep(durationMs) })));
describe('seeded randomness', () => randomContract(() => new SeededRandom(1)));
describe('randomness of Node', () => randomContract(() => systemRandom));
describe('an alarm in memory', () =>
  alarmContract((body) => {
    const alarm = new MemoryAlarm();
    return body({ alarm, ringsAtMs: async () => alarm.setForMs });
  }));
