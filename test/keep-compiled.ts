import { flushCompileCache } from 'node:module';
import { afterAll } from 'vitest';

/*
 * Beside every test file that Node imports. What Node has compiled it keeps for other processes (NODE_COMPILE_CACHE) when it ends, but vitest
 * ends its processes by SIGTERM, and then it keeps nothing: each of them would strip the types of all that it imports, and compile it, anew.
 */
afterAll(() => flushCompileCache());
