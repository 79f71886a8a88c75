import { env } from 'cloudflare:workers';
import { describe } from 'vitest';
import { r2ObjectStore } from '../../storage/object-store.ts';
import { objectStoreContract } from '../contract/object-store.ts';

describe('R2', () => objectStoreContract(() => r2ObjectStore(env.ARCHIVE)));
describe('R2 below a prefix', () => objectStoreContract(() => r2ObjectStore(env.ARCHIVE, 'some/where/')));
