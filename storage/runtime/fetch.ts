/** Outgoing HTTP as a port. */
export type Fetch = (input: string | URL, init?: RequestInit) => Promise<Response>;

export const systemFetch: Fetch = (input, init) => fetch(input, init);
