import { LIMITS } from '../../storage/runtime/limits.ts';

/* The Worker with little time for bodies and little memory for them. */
Object.assign(LIMITS, { writeBodyMsMax: 2000, requestMemoryBytesMax: 4000, requestMemoryTenantBytesMax: 4000, requestMemoryMsMax: 60_000 });

export * from '../../worker.ts';
export { default } from '../../worker.ts';
