import { LIMITS } from '../../runtime/limits.ts';
import { LogHead } from '../log/log-head.ts';
import { MergeInSteps } from './merge-in-steps.ts';
import { SealInSteps } from './seal-in-steps.ts';
import type { SealIndex } from './seal.ts';
import { SegmentReader } from './segment-reader.ts';
import type { SealedRow } from './segment-rows.ts';
import type { SegmentInfo } from './segments.ts';

const SERIES = 2;
const ORDER = { refs: Uint32Array.of(0, 1), ranks: Uint32Array.of(0, 1), metrics: new Uint32Array(SERIES) };
const INDEX: SealIndex = { labelOrder: () => ORDER, metricName: () => 'm' };
/** Of two samples there is a pause wherever there can be one. */
const STEP_SAMPLES = 1;

let kept: readonly object[] | undefined;

/**
 * A seal and a merge of two series that go no further, and with them an object of each class that is made for one: half a megabyte, once in an isolate, behind its first seal. V8 keeps what it knows
 * of a class, and all that it has compiled by that, no longer than there is an object of it. Between two seals there is none, so each full collection threw some fifty
 * compiled functions away, and the next seal began in the interpreter.
 */
export function keepUpkeepCompiled(): readonly object[] {
  return (kept ??= [sealOf(new Rows()), unfinishedMerge()]);
}

function sealOf(segments: Rows): SealInSteps {
  const head = new LogHead(SERIES);
  head.append({ sampleCount: SERIES, refs: ORDER.refs, timestampsMs: new Float64Array(SERIES).fill(2 ** 40), valueBits: new Uint32Array(SERIES * 2) });
  const seal = new SealInSteps(segments, head, INDEX, LIMITS, 1, 2 ** 40);
  while (seal.step(STEP_SAMPLES) === undefined);
  return seal;
}

/** Behind one that is through, by which V8 knows what the fields of all these objects may hold. */
function unfinishedMerge(): MergeInSteps {
  const segments = new Rows();
  sealOf(segments);
  sealOf(segments);
  const runs = segments.live.map((info) => ({ rows: [info], sampleCount: info.sampleCount }));
  const begun = (): MergeInSteps => new MergeInSteps(segments, runs, INDEX, { ...LIMITS, mergeStepSamples: STEP_SAMPLES });
  const whole = begun();
  let steps = 0;
  while (whole.step().status === 'going-on') steps++;
  const merge = begun();
  while (steps-- > 0) merge.step();
  return merge;
}

/** What these two need of stored segments. */
class Rows {
  readonly live: SegmentInfo[] = [];
  readonly floorMs = -Infinity;
  readonly #rows: SealedRow[] = [];

  insert(rows: Iterable<SealedRow>): SegmentInfo[] {
    return Array.from(rows, (row) => {
      const segment = this.#rows.push(row) - 1;
      const info = { ...row, segment, seal: segment, bytes: row.bytes.length };
      this.live.push(info);
      return info;
    });
  }

  open({ segment }: SegmentInfo): SegmentReader {
    return new SegmentReader(this.#rows[segment]!.bytes.slice().buffer, `segment ${segment}`);
  }

  renew(): void {}
}
