import { decompressContract } from '../contract/decompress.ts';

decompressContract();
