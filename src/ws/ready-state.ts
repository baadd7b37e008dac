/** The values of `readyState`. */
export const CONNECTING = 0;
export const OPEN = 1;
export const CLOSING = 2;
export const CLOSED = 3;

/** The names of the states, by number. */
export const STATES = ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'] as const;
