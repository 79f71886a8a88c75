import { env } from 'cloudflare:workers';
import { describe } from 'vitest';
import { r2ObjectReader } from '../../storage/object-reader.ts';
import { r2ObjectStore } from '../../storage/object-store.ts';
import { objectReaderContract } from '../contract/object-reader.ts';

describe('R2', () => objectReaderContract(() => ({ store: r2ObjectStore(env.ARCHIVE), reader: r2ObjectReader(env.ARCHIVE) })));
describe('R2 below a prefix', () => objectReaderContract(() => ({ store: r2ObjectStore(env.ARCHIVE, 'some/where/'), reader: r2ObjectReader(env.ARCHIVE, 'some/where/') })));
