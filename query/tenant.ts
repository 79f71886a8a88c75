/** The tenant of every request as long as there are no keys: all names of objects begin with it. */
export const DEFAULT_TENANT = 'default';
