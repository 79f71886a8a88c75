import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { freePort } from '../../processes/free-port.ts';
import { http } from '../../processes/http.ts';
import type { Sandbox } from '../../processes/sandbox.ts';
import { sleep } from '../../processes/sleep.ts';
import { type Check, expectEqual } from './check.ts';

const RULES = `groups:
  - name: varve
    interval: 1s
    rules:
      - record: client:requests:sum
        expr: sum(last_over_time(client_requests_total[10m]))
      - alert: ManyRequests
        expr: sum(last_over_time(client_requests_total[10m])) > 1
        labels: { severity: page }
`;
const VISIBLE_MS = 30_000;

/** vmalert evaluates rules on Varve and writes their series back to it. */
export async function vmalertChecks(sandbox: Sandbox, vmalert: string, baseUrl: URL): Promise<Check[]> {
  const [port, notifierPort] = [await freePort(), await freePort()];
  const notifier = createServer((_, response) => response.end('{}')).listen(notifierPort, '127.0.0.1');
  const ruleFile = join(sandbox.folder, 'vmalert-rules.yml');
  writeFileSync(ruleFile, RULES);
  await sandbox.start({
    name: 'vmalert',
    command: vmalert,
    args: [
      `-rule=${ruleFile}`,
      `-datasource.url=${baseUrl.origin}`,
      `-remoteWrite.url=${baseUrl.origin}`,
      '-remoteWrite.flushInterval=500ms',
      `-remoteRead.url=${baseUrl.origin}`,
      `-notifier.url=http://127.0.0.1:${notifierPort}`,
      `-httpListenAddr=127.0.0.1:${port}`,
      '-evaluationInterval=1s',
      '-loggerLevel=WARN',
    ],
    folder: sandbox.folder,
    logFile: join(sandbox.folder, 'vmalert.log'),
    readyUrl: new URL(`http://127.0.0.1:${port}/health`),
  });
  const valueOf = async (query: string): Promise<string | undefined> => {
    const url = new URL(`/api/v1/query?query=${encodeURIComponent(query)}`, baseUrl);
    const { data } = JSON.parse((await http({ method: 'GET', url })).body.toString()) as { data: { result: { value: [number, string] }[] } };
    return data.result[0]?.value[1];
  };
  const becomes = async (query: string, wanted: string): Promise<void> => {
    for (let waitedMs = 0; ; waitedMs += 500) {
      const value = await valueOf(query);
      if (value === wanted) return;
      if (waitedMs > VISIBLE_MS) expectEqual(value, wanted, query);
      await sleep(500);
    }
  };
  return [
    { name: 'the recording rule’s series is written back', run: () => becomes('client:requests:sum', '3510') },
    {
      name: 'the alert’s series is written back',
      run: async () => {
        await becomes('ALERTS{alertname="ManyRequests",severity="page",alertstate="firing"}', '1');
        notifier.close();
        notifier.closeAllConnections();
      },
    },
  ];
}
