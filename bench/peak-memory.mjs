import { readFileSync } from 'node:fs';

/** The most that a process has had resident since it began, in octets. */
export function peakMemory(pid) {
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return kilobytes * 1024;
}
