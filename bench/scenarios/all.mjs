import { client } from './client.mjs';
import { cluster } from './cluster.mjs';
import { codecTs } from './codec-ts.mjs';
import { deflate } from './deflate.mjs';
import { deflateMemory } from './deflate-memory.mjs';
import { documented } from './documented.mjs';
import { echo } from './echo.mjs';
import { fanout } from './fanout.mjs';
import { growth } from './growth.mjs';
import { handshakes } from './handshakes.mjs';
import { idle } from './idle.mjs';
import { imports } from './import.mjs';
import { latency } from './latency.mjs';
import { oneActive } from './one-active.mjs';
import { slowPeer } from './slow-peer.mjs';
import { text } from './text.mjs';
import { tls } from './tls.mjs';

/**
 * Every scenario, in the order in which they run. A scenario has a `name`, a `title`, perhaps more to say (`about`), and rows.
 * A row has
 * - `name`, `title`, and the `contestants` that take part (keys of CONTESTANTS);
 * - `setup`: what each server is told; null where there is no server to start. `isTls`: with a certificate. `needsZlib`: the load
 *   compresses;
 * - `startServers({ start, contestant, core })`: what starts more than one process for each contestant, by `start(setup)`;
 * - `isFresh`: a new server for each measurement, rather than one for all rounds;
 * - `measure(run)`: one measurement of one contestant, which returns a value for each of the `figures`;
 * - `calibrate(runs)`: before the rounds; its result is `run.calibration`;
 * - `figures`: `{ name, title, unit, better, isCharted }`; `ratios`: `{ figure, of, to, goal }`; `limits`: `{ figure, of, goal }`, goals for a figure
 *   itself;
 * - `isCounted`: it is over when its work is done, not after so many seconds;
 * - `rounds(asked)`, and `lasts(seconds)`, `calibrates(seconds)`: how long one measurement takes, for the time left.
 */
export const SCENARIOS = [
  echo,
  text,
  tls,
  fanout,
  slowPeer,
  cluster,
  client,
  handshakes,
  idle,
  codecTs,
  documented,
  deflate,
  deflateMemory,
  imports,
  latency,
  growth,
  oneActive,
];
