import { describe } from 'vitest';
import { objectReaderContract } from '../contract/object-reader.ts';
import { memoryObjectReader } from './memory-object-reader.ts';
import { MemoryObjectStore } from './memory-object-store.ts';

const store = new MemoryObjectStore(4);

describe('the map', () => objectReaderContract(() => ({ store, reader: memoryObjectReader(store) })));
