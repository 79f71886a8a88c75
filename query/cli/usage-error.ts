/** A mistake of the user's: one line and exit status 1, no stack. */
export class UsageError extends Error {}
