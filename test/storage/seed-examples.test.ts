import { describe } from 'vitest';
import { seedExamples } from '../contract/seed-examples.ts';
import { nodeStorage } from '../fakes/node-storage.ts';

describe('over Node’s SQLite', () => {
  seedExamples((_name, body) => body(nodeStorage()));
});
