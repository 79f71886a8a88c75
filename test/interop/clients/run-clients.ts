import { findCommand } from '../../processes/find-command.ts';
import type { Sandbox } from '../../processes/sandbox.ts';
import { findPeers } from '../../bench/peers.ts';
import type { Tools } from '../packages.ts';
import type { Check } from './check.ts';
import { writeClientData } from './client-data.ts';
import { codemirrorChecks } from './codemirror.ts';
import { grafanaChecks } from './grafana.ts';
import { promtoolChecks } from './promtool.ts';
import { remoteReadChecks } from './remote-read.ts';
import { vmalertChecks } from './vmalert.ts';

/** Clients that are not ours, or do as theirs do, each with everything that it asks of a Prometheus. */
export async function runClients(sandbox: Sandbox, tools: Tools, say: (line: string) => void): Promise<{ passed: number; failed: number }> {
  const { baseUrl } = await findPeers(['varve']).peers[0]!.start(sandbox);
  const data = await writeClientData(baseUrl, Date.now());
  const vmalert = findCommand('vmalert');
  if (vmalert === undefined) say('vmalert is not installed: skipped (Debian and Ubuntu have it in the package victoria-metrics)');
  const codemirror = codemirrorChecks(sandbox.folder, baseUrl, say);
  const clients: Readonly<Record<string, Check[]>> = {
    grafana: grafanaChecks(baseUrl, data),
    promtool: await promtoolChecks(sandbox.folder, tools.promtool, baseUrl, data),
    'prometheus over remote read': await remoteReadChecks(sandbox, tools.prometheus, tools.promtool, baseUrl, data),
    ...(codemirror === undefined ? {} : { 'codemirror-promql': codemirror }),
    // Last: its rules write series.
    ...(vmalert === undefined ? {} : { vmalert: await vmalertChecks(sandbox, vmalert, baseUrl) }),
  };
  const tally = { passed: 0, failed: 0 };
  for (const [client, checks] of Object.entries(clients)) {
    for (const { name, run } of checks) {
      try {
        await run();
        tally.passed++;
      } catch (error) {
        tally.failed++;
        say(`FAILED ${client}: ${name}\n       ${error instanceof Error ? error.message.trim() : String(error)}`);
      }
    }
  }
  return tally;
}
