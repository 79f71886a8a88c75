import { expect, test } from 'vitest';
import { mediaTypeOf } from '../../proto/media-type.ts';

test.each([
  [undefined, ''],
  [null, ''],
  ['', ''],
  ['; charset=utf-8', ''],
  ['application/json', 'application/json'],
  [' Application/JSON ;charset=utf-8; x=";"', 'application/json'],
])('%j', (header, wanted) => {
  expect(mediaTypeOf(header)).toBe(wanted);
});
