function ignore(): void {}

/**
 * Marks a promise as handled: if it is ignored, no `unhandledRejection` follows. A caller that awaits it still gets the
 * rejection.
 */
export function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(ignore);
  return promise;
}

/** A rejected promise that may be ignored. */
export function rejected(error: unknown): Promise<never> {
  return handled(Promise.reject(error));
}
