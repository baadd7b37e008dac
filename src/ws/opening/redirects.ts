import { basicAuthorization, type ClientOptions, type RequestPlan } from './client-options.js';

/** Where the first request went. Its secrets are for that place only. */
interface Place {
  readonly isIpc: boolean;
  readonly isSecure: boolean;
  readonly hostOrSocketPath: string | undefined;
}

/** What one request of an opening handshake passes on to the next. */
export class Redirects {
  readonly #headers: Record<string, unknown> = {};
  #first: Place | null = null;

  constructor(given: ClientOptions | undefined) {
    // One spelling per name, so that a header can be removed by its name.
    for (const [name, value] of Object.entries(given?.headers ?? {})) this.#headers[name.toLowerCase()] = value;
  }

  /** The options for the next request. */
  options(given: ClientOptions | undefined): ClientOptions {
    return { ...given, headers: { ...this.#headers } };
  }

  /**
   * Removes from a request the secrets that were meant for another place, as curl does.
   *
   * @param isWatched whether somebody listens for redirects, who then has to do this
   */
  apply(plan: RequestPlan, url: URL, isWatched: boolean): void {
    const isIpc = url.protocol === 'ws+unix:';
    const isSecure = url.protocol === 'wss:';
    const hostOrSocketPath = isIpc ? (plan.socketPath ?? undefined) : url.host;
    if (this.#first === null) this.#first = { isIpc, isSecure, hostOrSocketPath };
    else if (!isWatched) {
      const isSameHost = isIpc === this.#first.isIpc && hostOrSocketPath === this.#first.hostOrSocketPath;
      if (!isSameHost || (this.#first.isSecure && !isSecure)) withoutSecrets(plan, isSameHost);
    }
    // The credentials of the first URL that has any are kept.
    if (plan.auth && !this.#headers.authorization) this.#headers.authorization = basicAuthorization(plan.auth);
  }
}

function withoutSecrets(plan: RequestPlan, isSameHost: boolean): void {
  delete plan.headers.authorization;
  delete plan.headers.cookie;
  if (!isSameHost) delete plan.headers.host;
  plan.auth = undefined;
}
