import { type Extensions, SharedExtensions } from '../compression/agreement.js';
import * as extension from '../extension.js';
import { type DeflateParameters, PerMessageDeflate, type PerMessageDeflateOptions } from '../permessage-deflate.js';

const NAME = PerMessageDeflate.extensionName;

/** The options of a client or a server that say which extensions to agree on. */
interface ExtensionOptions {
  /** `true`, or how to compress. Anything that is falsy: no compression. */
  readonly perMessageDeflate?: unknown;
  readonly maxPayload?: number;
}

function deflateFor({ perMessageDeflate, maxPayload }: ExtensionOptions, isServer: boolean): PerMessageDeflate | null {
  if (!perMessageDeflate) return null;
  return new PerMessageDeflate({ ...(perMessageDeflate as PerMessageDeflateOptions), isServer, maxPayload });
}

/** Writes a Sec-WebSocket-Extensions field for what a side offers, or has agreed on. */
export function formatExtension(parameters: DeflateParameters): string {
  return extension.format({ [NAME]: parameters as Record<string, unknown> });
}

/**
 * Chooses among what a client offers.
 *
 * @param offers its Sec-WebSocket-Extensions field
 * @throws Error if the field is invalid, or has offers of which none can be accepted
 */
export function acceptOffers(offers: string | undefined, options: ExtensionOptions): Extensions {
  const deflate = offers === undefined ? null : deflateFor(options, true);
  if (deflate === null) return {};
  const configurations = extension.parse(offers!)[NAME];
  if (configurations === undefined) return {};
  deflate.accept(configurations);
  return shareFor(options, deflate) as unknown as Extensions;
}

/** What was agreed on under the options of each server, by the text of the answer. */
const agreed = new WeakMap<ExtensionOptions, Map<string, SharedExtensions>>();

function shareFor(options: ExtensionOptions, deflate: PerMessageDeflate): SharedExtensions {
  const known = agreed.get(options) ?? new Map<string, SharedExtensions>();
  agreed.set(options, known);
  const text = formatExtension(deflate.params!);
  const shared = known.get(text);
  if (shared !== undefined && haveSameOptions(shared[NAME], deflate)) return shared;
  const mine = new SharedExtensions(deflate);
  known.set(text, mine);
  return mine;
}

/** Options may have been changed since. */
function haveSameOptions(one: PerMessageDeflate, other: PerMessageDeflate): boolean {
  const [given, wanted] = [one._options, other._options] as Record<string, unknown>[];
  const names = Object.keys(wanted);
  return names.length === Object.keys(given).length && names.every((name) => given[name] === wanted[name]);
}

/** What a client offers, until the server's answer. */
export class ExtensionOffer {
  readonly #deflate: PerMessageDeflate | null;

  constructor(options: ExtensionOptions) {
    this.#deflate = deflateFor(options, false);
  }

  /** The Sec-WebSocket-Extensions field of the request; `undefined` if there is to be none. */
  get field(): string | undefined {
    return this.#deflate === null ? undefined : formatExtension(this.#deflate.offer());
  }

  /**
   * Judges the server's answer (RFC 6455 §4.1, item 5).
   *
   * @returns what was agreed, or what is wrong
   */
  judge(answer: string | undefined): Extensions | string {
    if (answer === undefined) return {};
    if (this.#deflate === null) return 'Server sent a Sec-WebSocket-Extensions header but no extension was requested';
    try {
      const extensions = extension.parse(answer);
      const names = Object.keys(extensions);
      if (names.length !== 1 || names[0] !== NAME) return 'Server indicated an extension that was not requested';
      this.#deflate.accept(extensions[NAME]);
      return { [NAME]: this.#deflate };
    } catch {
      return 'Invalid Sec-WebSocket-Extensions header';
    }
  }
}
