/** What a measurement of echo says. `busy` and `loadBusy`: the share of its core that each used; who is at 100 is what was measured. */
export const ECHO_FIGURES = [
  { name: 'messagesPerSecond', title: 'messages/s', better: 'higher', isCharted: true },
  { name: 'cpuMicroseconds', title: 'CPU/message', unit: 'µs', better: 'lower' },
  { name: 'busy', title: 'server busy', unit: '%' },
  { name: 'loadBusy', title: 'load busy', unit: '%' },
];

/** Connections, messages in flight on each, octets of payload; `16x4x16384` and the like. */
export function shapeOf(name) {
  const [connections, depth, size] = name.split('x').map(Number);
  return { connections, depth, size };
}

/** A shape in words. */
export function titleOf({ connections, depth, size }) {
  const octets = size === 1_048_576 ? '1 MiB' : size >= 1024 ? `${size / 1024} KiB` : `${size} B`;
  return `${connections} connection${connections === 1 ? '' : 's'} × ${depth} in flight × ${octets}`;
}

/** Few large messages are sent in a second, and at least some are to be looked at. */
export function verifyEvery(size) {
  return size > 65_536 ? 100 : 1000;
}

/** Measures the echo of one server, in a closed loop. */
export async function measureEcho({ connections, depth, size, text }, { server, load, seconds, flags = [] }) {
  const options = { connections, depth, size, text, seconds, verifyEvery: verifyEvery(size), pid: server.pid };
  return echoFigures(await load.run('echo', server.port, options, flags));
}

/** The figures in a result of the load. */
export function echoFigures({ messagesPerSecond, messages, verified, seconds, serverCpuSeconds, loadCpuSeconds }) {
  if (verified === 0) throw new Error('no reply was verified');
  return {
    messagesPerSecond,
    cpuMicroseconds: (serverCpuSeconds / messages) * 1e6,
    busy: (serverCpuSeconds / seconds) * 100,
    loadBusy: (loadCpuSeconds / seconds) * 100,
  };
}
