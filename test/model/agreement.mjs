/** RFC 7692, section 7. */
const NAME = 'permessage-deflate';

/** The window of the peer where it asks for one. */
const ASKED_BITS = 11;

/**
 * The parameters of a Sec-WebSocket-Extensions field that names permessage-deflate once.
 *
 * @returns {Record<string, string | true> | null} null if it does not
 */
function parametersIn(field) {
  const [name, ...parameters] = (field ?? '').split(';').map((part) => part.trim());
  if (name !== NAME) return null;
  return Object.fromEntries(parameters.map((one) => one.split('=')).map(([key, value = true]) => [key, value]));
}

function fieldOf(parameters) {
  const parts = Object.entries(parameters).map(([key, value]) => (value === true ? key : `${key}=${value}`));
  return [NAME, ...parts].join('; ');
}

/** What the peer offers as a client. @param asks see `newCompression` */
export function offerOf({ asks }) {
  if (asks === 'no takeover') return fieldOf({ server_no_context_takeover: true, client_max_window_bits: true });
  if (asks === 'windows') return fieldOf({ server_max_window_bits: ASKED_BITS, client_max_window_bits: ASKED_BITS });
  return fieldOf({ client_max_window_bits: true });
}

/** How the peer answers as a server (section 7.1). @param offer the field of the request @returns null if there is no offer */
export function answerTo(offer, { asks }) {
  const offered = parametersIn(offer);
  if (offered === null) return null;
  const answer = {};
  const { server_max_window_bits: serverBits, client_max_window_bits: clientBits } = offered;
  if (offered.server_no_context_takeover) answer.server_no_context_takeover = true;
  if (offered.client_no_context_takeover) answer.client_no_context_takeover = true;
  if (serverBits !== undefined) answer.server_max_window_bits = serverBits;
  if (asks === 'no takeover') Object.assign(answer, { client_no_context_takeover: true });
  if (asks === 'windows') {
    const hinted = clientBits === true ? ASKED_BITS : clientBits;
    if (hinted !== undefined) answer.client_max_window_bits = Math.min(hinted, ASKED_BITS);
    answer.server_max_window_bits = Math.min(serverBits ?? ASKED_BITS, ASKED_BITS);
  }
  return fieldOf(answer);
}

/**
 * What an answer agrees on, for each side as a compressor.
 *
 * @returns {{ server: { keeps: boolean, bits: number }, client: { keeps: boolean, bits: number } } | null}
 */
export function agreedIn(answer) {
  const agreed = parametersIn(answer);
  if (agreed === null) return null;
  const side = (name) => ({
    keeps: agreed[`${name}_no_context_takeover`] === undefined,
    bits: Number(agreed[`${name}_max_window_bits`] ?? 15),
  });
  return { server: side('server'), client: side('client') };
}
