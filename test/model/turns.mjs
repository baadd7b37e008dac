/** Waits for the next turn of the event loop. */
export function turn() {
  return new Promise((resolve) => setImmediate(resolve));
}

const AFTER = {
  same: (act) => act(),
  microtask: (act) => void Promise.resolve().then(act),
  tick: (act) => process.nextTick(act),
  immediate: (act) => void setImmediate(act),
  timer: (act) => void setTimeout(act, 1),
};

/** The kinds of turn in which a step may happen after what it waits for. */
export const TURNS = Object.keys(AFTER);

export function inTurn(kind, act) {
  AFTER[kind](act);
}
