/** Whether a scraper likes delimited protobuf better than text: as Prometheus asks when it scrapes native histograms. Of equals the first counts. */
export function prefersProtobuf(accept: string): boolean {
  let best: 'protobuf' | 'text' = 'text';
  let bestWeight = 0;
  for (const clause of accept.toLowerCase().split(',')) {
    const [type = '', ...parameters] = clause.split(';').map((part) => part.trim());
    const parameter = (name: string): string | undefined => parameters.find((text) => text.startsWith(`${name}=`))?.slice(name.length + 1);
    const weight = Number(parameter('q') ?? 1);
    const isProtobuf = type === 'application/vnd.google.protobuf' && parameter('proto') === 'io.prometheus.client.metricfamily' && (parameter('encoding') ?? 'delimited') === 'delimited';
    const isText = type === 'text/plain' || type === 'text/*' || type === '*/*';
    if ((!isProtobuf && !isText) || !(weight > bestWeight)) continue;
    best = isProtobuf ? 'protobuf' : 'text';
    bestWeight = weight;
  }
  return best === 'protobuf';
}

