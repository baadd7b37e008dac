// uWebSockets.js. Its payloads are borrowed: valid until the handler returns, as with zeroCopy of wasock.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { announce, setup } from './announce.mjs';

const PACKAGE = '@trufflesuite/uws-js-unofficial';
const TOPIC = 't';
const require = createRequire(import.meta.url);
const MiB = 1_048_576;

/** The native module, or undefined where the package has none for this Node; alone, the package would fall back to ws. */
function loadNative() {
  const folder = dirname(require.resolve(`${PACKAGE}/package.json`));
  const { platform, arch, versions } = process;
  try {
    require(join(folder, 'binaries', `uws_${platform}_${arch}_${versions.modules}.node`));
  } catch {
    return undefined;
  }
  return require(PACKAGE);
}

/** Its defaults are 16 KiB and 64 KiB, which the large rows do not fit. */
const isLarge = setup.size > 1024;
const options = {
  ...(isLarge && { maxPayloadLength: MiB }),
  ...((isLarge || setup.maxBackpressure) && { maxBackpressure: setup.maxBackpressure ?? 8 * MiB }),
};
const echo = { message: (ws, message, isBinary) => void ws.send(message, isBinary) };
const strings = { message: (ws, message) => void ws.send(Buffer.from(message).toString(), false) };
const fanout = {
  open: (ws) => void ws.subscribe(TOPIC),
  message: (_ws, message, isBinary) => void app.publish(TOPIC, message, isBinary),
};

const uws = loadNative();
let app;
if (uws) {
  const { tls } = setup;
  app = tls ? uws.SSLApp({ key_file_name: tls.key, cert_file_name: tls.cert }) : uws.App();
  app.ws('/*', { ...options, ...(setup.fanout ? fanout : setup.strings ? strings : echo) });
  app.listen(0, (token) => {
    const { version } = require(`${PACKAGE}/package.json`);
    announce({ port: uws.us_socket_local_port(token), about: `uWebSockets.js ${version.split('-')[0]}`, options });
  });
} else {
  const runtime = `Node ${process.version} on ${process.platform}-${process.arch}`;
  announce({ about: 'uWebSockets.js', unavailable: `${PACKAGE} has no binary for ${runtime}` });
  process.exit();
}
