type LabelPairs = Readonly<Record<string, string>>;

/** A sample to expose: counters end in `_total`. */
export interface MetricSample {
  readonly name: string;
  readonly labels: LabelPairs;
  readonly value: number;
}

export interface MetricDefinition {
  readonly type: 'counter' | 'gauge';
  readonly help: string;
}

/**
 * Counters of one isolate. Isolates come and go, so these restart without notice, as counters may; what must not be forgotten is counted
 * in the objects.
 */
export class Counters {
  readonly #values = new Map<string, MetricSample>();

  add(name: string, labels: LabelPairs, amount: number): void {
    const key = `${name}\n${Object.entries(labels).flat().join('\n')}`;
    const current = this.#values.get(key);
    this.#values.set(key, { name, labels, value: (current?.value ?? 0) + amount });
  }

  samples(): MetricSample[] {
    return [...this.#values.values()];
  }
}

/** Prometheus' text exposition format, version 0.0.4. Every sample's name must be among the definitions. */
export function renderMetrics(samples: readonly MetricSample[], definitions: Readonly<Record<string, MetricDefinition>>): string {
  let text = '';
  for (const [name, { type, help }] of Object.entries(definitions)) {
    const ofName = samples.filter((sample) => sample.name === name);
    if (ofName.length === 0) continue;
    text += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
    for (const { labels, value } of ofName) {
      const pairs = Object.entries(labels).map(([label, text]) => `${label}="${text.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`))}"`);
      text += `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}\n`;
    }
  }
  return text;
}
