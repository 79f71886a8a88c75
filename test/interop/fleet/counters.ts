import { http } from '../../processes/http.ts';

/** What a server says at /metrics: sums over the series of each metric, and each series by itself under its own text. */
export async function countersOf(baseUrl: URL): Promise<(name: string) => number> {
  const text = (await http({ method: 'GET', url: new URL('/metrics', baseUrl) })).body.toString();
  const sums = new Map<string, number>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const series = line.slice(0, line.lastIndexOf(' '));
    const value = Number(line.slice(line.lastIndexOf(' ') + 1));
    const name = series.split('{', 1)[0]!;
    for (const key of new Set([series, name])) sums.set(key, (sums.get(key) ?? 0) + value);
  }
  return (name) => sums.get(name) ?? 0;
}
