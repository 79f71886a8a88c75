import { readdirSync, readFileSync } from 'node:fs';
import { sleep } from '../processes/sleep.ts';

/** What `/proc` knows of one process. CPU is user and system time, its own and that of the children it has waited for. */
export interface ProcessFigures {
  readonly pid: number;
  readonly parentPid: number;
  readonly cpuTicks: number;
}

/** Linux counts CPU time for user space in hundredths of a second (USER_HZ) on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;
const SAMPLE_MS = 200;
const QUIET_WINDOW_MS = 1_000;
/** Below this share of one core a server counts as having finished what it was given. */
const QUIET_CORES = 0.05;

/**
 * One line of `/proc/PID/stat` (proc_pid_stat(5)). The second field is the command in parentheses and may itself hold blanks and
 * parentheses, so fields are counted from the last closing one: state is 0, parent 1, utime 11, stime 12, cutime 13, cstime 14.
 */
export function parseProcessStat(line: string): ProcessFigures {
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const field = (index: number): number => {
    const value = Number(fields[index]);
    if (!Number.isInteger(value)) throw new Error(`/proc stat: field ${index} is ${fields[index] ?? 'missing'} in ${line}`);
    return value;
  };
  return { pid: Number.parseInt(line, 10), parentPid: field(1), cpuTicks: field(11) + field(12) + field(13) + field(14) };
}

/** CPU time and memory of one process and all its descendants. Linux only: elsewhere every figure is NaN, which prints as a dash. */
export class ProcessTree {
  readonly #rootPid: number;
  #peakBytes = Number.NaN;
  #sampler: NodeJS.Timeout | undefined;

  constructor(rootPid: number) {
    this.#rootPid = rootPid;
  }

  /** Starts to sample resident memory; `stopSampling` ends it. Nobody waits for the timer: it does not keep the process alive. */
  startSampling(): void {
    this.#samplePeak();
    this.#sampler = setInterval(() => this.#samplePeak(), SAMPLE_MS).unref();
  }

  /** The largest sum over the tree that was seen since `startSampling`. Pages that processes share count once for each. */
  stopSampling(): number {
    clearInterval(this.#sampler);
    this.#samplePeak();
    return this.#peakBytes;
  }

  cpuSeconds(): number {
    const members = this.#members();
    if (members.length === 0) return Number.NaN;
    return members.reduce((sum, member) => sum + member.cpuTicks, 0) / TICKS_PER_SECOND;
  }

  /** Waits until the tree hardly uses a CPU any more, so that work put off until after the answer is counted too. */
  async settle(limitMs: number): Promise<void> {
    const deadlineMs = performance.now() + limitMs;
    while (performance.now() < deadlineMs) {
      const beforeSeconds = this.cpuSeconds();
      if (Number.isNaN(beforeSeconds)) return;
      await sleep(QUIET_WINDOW_MS);
      if (this.cpuSeconds() - beforeSeconds < (QUIET_CORES * QUIET_WINDOW_MS) / 1000) return;
    }
  }

  #samplePeak(): void {
    const bytes = this.#members().reduce((sum, member) => sum + residentBytes(member.pid), 0);
    if (bytes > 0 && !(bytes <= this.#peakBytes)) this.#peakBytes = bytes;
  }

  #members(): ProcessFigures[] {
    const all = allProcesses();
    const members = all.filter((figures) => figures.pid === this.#rootPid);
    // The list grows while it is walked: children of children are found in their turn.
    for (const member of members) members.push(...all.filter((figures) => figures.parentPid === member.pid));
    return members;
  }
}

function allProcesses(): ProcessFigures[] {
  const found: ProcessFigures[] = [];
  for (const name of readdirOrNothing('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const line = readOrNothing(`/proc/${name}/stat`);
    if (line !== '') found.push(parseProcessStat(line));
  }
  return found;
}

/** From `status` and not from `stat`, because it says kibibytes there and pages here, whose size differs between machines. */
function residentBytes(pid: number): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readOrNothing(`/proc/${pid}/status`))?.[1];
  return kibibytes === undefined ? 0 : Number(kibibytes) * 1024;
}

/** A process may end between being listed and being read. */
function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function readdirOrNothing(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
