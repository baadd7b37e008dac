import { FieldReader } from './extension.js';

/**
 * Reads a Sec-WebSocket-Protocol field (RFC 6455 §4.1, item 10).
 *
 * @throws SyntaxError with the index of the character that does not fit, or if a subprotocol occurs twice
 */
export function parse(field: string): Set<string> {
  const protocols = new Set<string>();
  const reader = new FieldReader(field);
  do {
    const protocol = reader.token();
    if (protocols.has(protocol)) throw new SyntaxError(`The "${protocol}" subprotocol is duplicated`);
    protocols.add(protocol);
  } while (reader.skip(','));
  if (!reader.isAtEnd) reader.fail();
  return protocols;
}
