import { SamplesFileWriter } from '../../../storage/archive/files/samples-file-writer.ts';
import type { SeriesFile } from '../../../storage/archive/files/series-file-writer.ts';
import type { Labels } from '../../../storage/model/labels.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';

/*
 * The data set of `bench -- tiers`: series of nine labels, a hundred hosts to a metric, a sample every 30 s. The same series and day are the
 * same samples, so that whoever asks knows the answer. A third of the series rests, a third counts, a third has two decimals.
 */
export const FLEET_INTERVAL_MS = 30_000;
export const DAY_MS = 86_400_000;
export const SAMPLES_PER_DAY = DAY_MS / FLEET_INTERVAL_MS;
const HOSTS = 100;
/** A few series, of a metric of their own, have as many days as roll-ups are kept. */
export const FIRST_LONG_SERIES = 900_000;
export const LONG_SERIES = 10;

/** What is loaded. Days since 1970. */
export interface Fleet {
  readonly series: number;
  readonly firstDay: number;
  readonly days: number;
  /** The long series begin here and end where the others do. */
  readonly firstLongDay: number;
}

export function fleetMetric(series: number): string {
  return `fleet_${String(Math.floor(series / HOSTS)).padStart(4, '0')}_value`;
}

export function fleetHost(series: number): string {
  return `host-${String(series % HOSTS).padStart(3, '0')}`;
}

function labelsOf(series: number): Labels {
  const host = fleetHost(series);
  return [
    '__name__', fleetMetric(series), 'cluster', 'production-eu-central-1', 'container', 'checkout', 'instance', `${host}:9100`, 'job', 'fleet',
    'namespace', `team-${series % 20}`, 'node', `${host}.internal`, 'pod', `checkout-${host}`, 'zone', `zone-${series % 3}`,
  ];
}

/** The file of series `first` to before `end` on a day, whose samples must fit into one. */
export function fleetFile(day: number, first: number, end: number): SeriesFile {
  const writer = new SamplesFileWriter(LIMITS);
  const timestampsMs = new Float64Array(SAMPLES_PER_DAY);
  const values = new Float64Array(SAMPLES_PER_DAY);
  const bits = new Uint32Array(values.buffer);
  for (let series = first; series < end; series++) {
    const offsetMs = (series % HOSTS) * 17;
    let state = (series * 2_654_435_761 + day) >>> 0;
    let value = series % 3 === 1 ? day * 1000 : 50;
    for (let i = 0; i < SAMPLES_PER_DAY; i++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      if (series % 3 === 1) value += state >>> 29;
      else if (series % 3 === 2) value = Math.round((value + (state / 2 ** 32 - 0.5)) * 100) / 100;
      timestampsMs[i] = day * DAY_MS + i * FLEET_INTERVAL_MS + offsetMs;
      values[i] = value;
    }
    const id = new Uint8Array(12);
    new DataView(id.buffer).setUint32(0, series, true);
    writer.add(labelsOf(series), id, { timestampsMs, bits, payloads: [], startsMs: undefined }, 0, SAMPLES_PER_DAY);
  }
  return writer.finish();
}

/** Series of one file. */
export const SERIES_PER_FILE = Math.floor(LIMITS.archiveFileRowsMax / SAMPLES_PER_DAY);
