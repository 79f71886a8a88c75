import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe } from 'vitest';
import { seedExamples } from '../contract/seed-examples.ts';

describe('in a Durable Object', () => {
  seedExamples((name, body) => runInDurableObject(env.CATALOG.get(env.CATALOG.idFromName(`example ${name}`)), (_instance, state) => body(state.storage)));
});
