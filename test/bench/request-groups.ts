import { OtlpBody } from './otlp-body.ts';
import { RemoteWriteBody, type WriteProtocol } from './remote-write-body.ts';
import { type SeriesShape, type Shape, wholeParts } from './shapes.ts';
import { ValueGenerator } from './values.ts';

/** OTLP is sent as protobuf, not compressed, which is how the SDKs send it by default. */
export type LoadProtocol = WriteProtocol | 'otlp';

/** The series of one request: always the same ones, scrape after scrape, so that only their values and timestamps change. */
class RequestGroup {
  readonly #shape: Shape;
  readonly #series: readonly SeriesShape[];
  readonly #protocol: LoadProtocol;
  readonly #generator: ValueGenerator;
  /** By the scrapes in it: the last request may have fewer than the others. */
  readonly #bodies = new Map<number, RemoteWriteBody | OtlpBody>();
  /** Settles when the group's latest request has been answered. */
  latest: Promise<void> = Promise.resolve();

  /** Makes the requests' body, which takes longer than a server needs for it: made at their turn, each first one would come alone. */
  constructor(shape: Shape, series: readonly SeriesShape[], seed: number, protocol: LoadProtocol, scrapesPerRequest: number) {
    this.#shape = shape;
    this.#series = series;
    this.#protocol = protocol;
    this.#generator = new ValueGenerator(series, seed);
    this.#newBody(Math.min(scrapesPerRequest, shape.scrapeCount));
  }

  /** The request of so many scrapes, which follow those of the last call. Valid until the next one. */
  prepare(firstScrape: number, scrapeCount: number): { readonly bytes: Uint8Array; readonly sampleCount: number } {
    const { firstScrapeMs, scrapeIntervalMs } = this.#shape;
    const body = this.#bodies.get(scrapeCount) ?? this.#newBody(scrapeCount);
    for (let scrape = 0; scrape < scrapeCount; scrape++) {
      this.#generator.advance();
      body.patch(firstScrapeMs + (firstScrape + scrape) * scrapeIntervalMs, this.#generator.values, scrape * this.#series.length);
    }
    return { bytes: body.bytes, sampleCount: this.#series.length * scrapeCount };
  }

  #newBody(scrapeCount: number): RemoteWriteBody | OtlpBody {
    const series = Array.from({ length: scrapeCount }, () => this.#series).flat();
    const body = this.#protocol === 'otlp' ? new OtlpBody(series) : new RemoteWriteBody(series, this.#protocol);
    this.#bodies.set(scrapeCount, body);
    return body;
  }
}

/**
 * A shape's series by request. Where they fill fewer requests than there are connections, each connection has a part of them and sends several scrapes
 * at once, as the queues of a Prometheus do that has to catch up: else a scrape would be a request or two, each of which waits for the one before.
 */
function split({ series, samplesPerRequest }: Shape, connections: number): { readonly parts: (readonly SeriesShape[])[]; readonly scrapesPerRequest: number } {
  const scrapesPerRequest = Math.floor(samplesPerRequest / Math.ceil(series.length / connections));
  const isEachFilled = Math.ceil(series.length / samplesPerRequest) >= connections;
  if (!isEachFilled && scrapesPerRequest > 1) return { parts: wholeParts(series, connections), scrapesPerRequest };
  const parts: (readonly SeriesShape[])[] = [];
  for (let start = 0; start < series.length; start += samplesPerRequest) parts.push(series.slice(start, start + samplesPerRequest));
  return { parts, scrapesPerRequest: 1 };
}

export function groupsOf(shape: Shape, connections: number, protocol: LoadProtocol): { readonly groups: RequestGroup[]; readonly scrapesPerRequest: number } {
  const { parts, scrapesPerRequest } = split(shape, connections);
  return { groups: parts.map((series, index) => new RequestGroup(shape, series, shape.seed + index, protocol, scrapesPerRequest)), scrapesPerRequest };
}

/** How many requests can be under way: a group's wait for each other, so with few groups some connections have nothing to send. */
export function senderCount(shape: Shape, connections: number): number {
  return Math.min(connections, split(shape, connections).parts.length);
}
