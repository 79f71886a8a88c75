import { describe } from 'vitest';
import { objectStoreContract } from '../contract/object-store.ts';
import { MemoryObjectStore } from './memory-object-store.ts';

const store = new MemoryObjectStore();

describe('the map', () => objectStoreContract(() => store));
