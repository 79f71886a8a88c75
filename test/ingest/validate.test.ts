import { describe, expect, test } from 'vitest';
import { normalizeLabels } from '../../ingest/validate.ts';
import { limitsWith } from '../fakes/limits-with.ts';

const limits = limitsWith({ labelsPerSeriesMax: 3, labelNameBytesMax: 10, labelValueBytesMax: 12 });

describe('accepted, in the form of the model', () => {
  function accepted(raw: string[], wanted: string[]): void {
    test(JSON.stringify(raw), () => expect(normalizeLabels(raw, limits)).toEqual(wanted));
  }
  accepted(['__name__', 'up'], ['__name__', 'up']);
  accepted(['job', 'a', '__name__', 'up', 'A', '1'], ['A', '1', '__name__', 'up', 'job', 'a']);
  accepted(['__name__', 'up', 'empty', '', 'job', 'a', 'e2', '', 'e3', ''], ['__name__', 'up', 'job', 'a']);
  accepted(['\u{1f600}', '1', '\ue000', '2', '__name__', 'é'], ['__name__', 'é', '\ue000', '2', '\u{1f600}', '1']);
  accepted(['__name__', 'x'.repeat(12), 'n'.repeat(10), 'é'.repeat(6)], ['__name__', 'x'.repeat(12), 'n'.repeat(10), 'é'.repeat(6)]);
});

describe('refused, with the reason', () => {
  function refused(raw: string[], invalid: string): void {
    test(JSON.stringify(raw).slice(0, 60), () => expect(normalizeLabels(raw, limits)).toEqual({ invalid }));
  }
  refused([], 'the label __name__ is missing');
  refused(['job', 'a'], 'the label __name__ is missing');
  refused(['__name__', ''], 'the label __name__ is missing');
  refused(['__name__', 'up', '', 'x'], 'a label name is empty');
  refused(['__name__', 'up', '', ''], 'a label name is empty');
  refused(['__name__', 'up', 'a', '1', 'a', '2'], 'label name "a" is not unique');
  refused(['a', '1', '__name__', 'up', 'a', '1'], 'label name "a" is not unique');
  refused(['__name__', 'up', 'a', '1', 'b', '2', 'c', '3'], '4 labels, the limit labelsPerSeriesMax is 3');
  refused(['__name__', 'up', 'é'.repeat(6), '1'], 'a label name of 12 bytes, the limit labelNameBytesMax is 10');
  refused(['__name__', 'é'.repeat(7)], 'the value of label "__name__" has 14 bytes, the limit labelValueBytesMax is 12');
});
