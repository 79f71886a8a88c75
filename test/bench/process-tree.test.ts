import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ProcessTree, parseProcessStat } from './process-tree.ts';

describe('parseProcessStat', () => {
  test('a command with blanks and parentheses does not confuse it', () => {
    const line = '4242 (a (strange) name) S 17 4242 4242 0 -1 4194560 100 200 0 0 12 34 5 6 20 0 8 0 99 1000 50';
    expect(parseProcessStat(line)).toEqual({ pid: 4242, parentPid: 17, cpuTicks: 57 });
  });

  test('a line cut short is refused', () => {
    expect(() => parseProcessStat('4242 (sh) S 17 1')).toThrow('field 11 is missing');
  });
});

describe.runIf(existsSync('/proc/self/stat'))('ProcessTree', () => {
  test('sees the CPU time and the memory of grandchildren', async () => {
    // A shell that starts another, which computes: all of the time is the grandchild's.
    const busy = 'i=0; while [ $i -lt 150000 ]; do i=$((i+1)); done; echo done; sleep 60';
    const child = spawn('sh', ['-c', `sh -c '${busy}'; true`], { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
    try {
      const tree = new ProcessTree(child.pid!);
      tree.startSampling();
      await new Promise((resolve) => child.stdout.once('data', resolve));
      expect(tree.cpuSeconds()).toBeGreaterThan(0.02);
      expect(tree.stopSampling()).toBeGreaterThan(100_000);
    } finally {
      process.kill(-child.pid!, 'SIGKILL');
    }
  });

  test('a tree that is gone has no figures', () => {
    const tree = new ProcessTree(2 ** 22 + 1);
    tree.startSampling();
    expect(tree.stopSampling()).toBeNaN();
    expect(tree.cpuSeconds()).toBeNaN();
  });
});
