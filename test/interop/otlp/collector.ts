import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../processes/free-port.ts';
import type { Sandbox } from '../../processes/sandbox.ts';
import { buildGo } from '../go-build.ts';

/** What the Collector's OTLP/HTTP exporter can do, a pipeline each. The patient one sends again what was not taken, as by default; of the others it would hide it. */
const VARIANTS = [
  { name: 'plain', encoding: 'proto', compression: 'none' },
  { name: 'gzip', encoding: 'proto', compression: 'gzip' },
  { name: 'zstd', encoding: 'proto', compression: 'zstd' },
  { name: 'snappy', encoding: 'proto', compression: 'snappy' },
  { name: 'deflate', encoding: 'proto', compression: 'deflate' },
  { name: 'json', encoding: 'json', compression: 'gzip' },
  { name: 'patient', encoding: 'proto', compression: 'gzip' },
] as const;

export interface Collector {
  readonly pipelines: readonly { readonly name: string; readonly url: URL }[];
}

/**
 * A Collector built from source (./collector-source, by Go's module proxy), or a word on why there is none. `VARVE_OTELCOL` names one that
 * is built already.
 */
export async function startCollector(sandbox: Sandbox, baseUrl: URL): Promise<Collector | { readonly missing: string }> {
  const command = buildGo(sandbox, { name: 'otelcol', folder: join(import.meta.dirname, 'collector-source'), package: '.', variable: 'VARVE_OTELCOL' });
  if ('missing' in command) return command;
  const variants = await Promise.all(VARIANTS.map(async (variant) => ({ ...variant, port: await freePort() })));
  const metricsPort = await freePort();
  const configFile = join(sandbox.folder, 'otelcol.yaml');
  // JSON is YAML.
  writeFileSync(configFile, JSON.stringify(configOf(metricsPort, variants, baseUrl), null, 2));
  const pipelines = variants.map(({ name, port }) => ({ name, url: new URL(`http://127.0.0.1:${port}/v1/metrics`) }));
  await sandbox.start({
    name: 'otelcol',
    command: command.path,
    args: ['--config', `file:${configFile}`],
    folder: sandbox.folder,
    logFile: join(sandbox.folder, 'otelcol.log'),
    readyUrl: new URL(`http://127.0.0.1:${metricsPort}/metrics`),
  });
  return { pipelines };
}

function configOf(metricsPort: number, variants: readonly { readonly name: string; readonly encoding: string; readonly compression: string; readonly port: number }[], baseUrl: URL): object {
  const each = <T>(of: (variant: (typeof variants)[number]) => T, prefix: string): Record<string, T> => Object.fromEntries(variants.map((variant) => [`${prefix}/${variant.name}`, of(variant)]));
  return {
    receivers: each(({ port }) => ({ protocols: { http: { endpoint: `127.0.0.1:${port}` } } }), 'otlp'),
    exporters: each(({ name, encoding, compression }) => ({ metrics_endpoint: new URL('/v1/metrics', baseUrl).href, encoding, compression, retry_on_failure: { enabled: name === 'patient' } }), 'otlphttp'),
    service: {
      telemetry: { metrics: { level: 'basic', readers: [{ pull: { exporter: { prometheus: { host: '127.0.0.1', port: metricsPort } } } }] } },
      pipelines: each(({ name }) => ({ receivers: [`otlp/${name}`], exporters: [`otlphttp/${name}`] }), 'metrics'),
    },
  };
}
