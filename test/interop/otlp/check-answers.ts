import { http } from '../../processes/http.ts';
import { sleep } from '../../processes/sleep.ts';
import type { Expectation } from './sdk-load.ts';

export interface OtlpTally {
  passed: number;
  failed: number;
}

const SETTLE_MS = 20_000;
const POLL_MS = 250;

/** All of them, for as long as what was sent may still be on its way. */
export async function checkAll(expectations: readonly Expectation[], instance: string, baseUrl: URL, tally: OtlpTally, say: (line: string) => void, settleMs = SETTLE_MS): Promise<void> {
  const deadlineMs = performance.now() + settleMs;
  for (const expectation of expectations) {
    let problem = await findProblem(expectation, baseUrl);
    while (problem !== undefined && performance.now() < deadlineMs) {
      await sleep(POLL_MS);
      problem = await findProblem(expectation, baseUrl);
    }
    if (problem === undefined) tally.passed++;
    else {
      tally.failed++;
      say(`FAILED ${instance}: ${expectation.query}\n       ${problem}`);
    }
  }
}

async function findProblem({ query, value }: Expectation, baseUrl: URL): Promise<string | undefined> {
  const url = new URL('/api/v1/query', baseUrl);
  url.searchParams.set('query', query);
  const answer = await http({ method: 'GET', url });
  if (answer.status !== 200) return `${answer.status} ${answer.body.toString()}`;
  const { result } = (JSON.parse(answer.body.toString()) as { data: { result: { value: [number, string] }[] } }).data;
  if (result.length !== 1) return `${result.length} series, want one`;
  const got = result[0]!.value[1];
  return got === String(value) ? undefined : `${got}, want ${value}`;
}
