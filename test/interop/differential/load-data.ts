import { encodeWriteRequest, type WriteRequestSeries } from '../../../proto/encode-write-request.ts';
import { snappyEncode } from '../../../proto/snappy.ts';
import { http } from '../../processes/http.ts';

const SERIES_PER_REQUEST = 50;

/** Sends all series over remote write 1.0. Anything but full acceptance is an error: both servers must hold the same. */
export async function loadData(baseUrl: URL, data: readonly WriteRequestSeries[]): Promise<void> {
  const url = new URL('/api/v1/write', baseUrl);
  const headers = { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy', 'x-prometheus-remote-write-version': '0.1.0' };
  for (let from = 0; from < data.length; from += SERIES_PER_REQUEST) {
    const body = snappyEncode(encodeWriteRequest(data.slice(from, from + SERIES_PER_REQUEST)));
    const answer = await http({ method: 'POST', url, headers, body });
    if (answer.status >= 300) throw new Error(`${url.href} answered ${answer.status}: ${answer.body.toString().slice(0, 500)}`);
  }
}
