import { expect, test } from 'vitest';
import { NO_NUMBER, NumberedSeries } from '../../ingest/numbered-series.ts';
import { SeriesIdColumns } from '../../ingest/series-id-cache.ts';
import { SeriesHasher } from '../../storage/model/series-id.ts';

const hasher = new SeriesHasher(new Uint8Array(16).fill(7));
const LABELS = Uint8Array.of(1, 2);
/** Of symbols 0 to 3; those behind have none. */
const NUMBERS = Uint32Array.of(11, 12, 13, 14, NO_NUMBER, NO_NUMBER);
const ID = Uint32Array.of(1, 2, 3);

interface Metadata {
  readonly type: number;
  readonly help: number;
}

/** Whether series with the same labels, one a request, are known as they come; one that is not is added. */
function known(...requests: readonly Metadata[]): boolean[] {
  const series = new NumberedSeries(100, 10_000, 10);
  const ids = new SeriesIdColumns();
  ids.reserve(1);
  return requests.map(({ type, help }) => {
    series.begin(hasher, LABELS, NUMBERS);
    const isKnown = series.find(0, LABELS.length, type, help, 0, ids, 0);
    if (!isKnown) series.add(hasher.words, ID);
    return isKnown;
  });
}

test.each([1, 0xffff_ffff])('a series is known by its metadata too, of type %i', (type) => {
  const none = { type: 0, help: 0 };
  const some = { type, help: 3 };
  const cut = { type, help: 5 };
  expect(known(none, none, none, some, some, some)).toEqual([false, true, true, false, true, true]);
  expect(known(some, some, some, none, none, none)).toEqual([false, true, true, false, true, true]);
  // Where the help text is none of the request's symbols, there is something to say about it.
  expect(known(none, none, none, cut, cut)).toEqual([false, true, true, false, false]);
});
