/**
 * The options that a client passes on: those of `http.request`, `net.connect` and `tls.connect`, as documented for Node
 * 20 to 26.
 */
export const NODE_OPTIONS: readonly string[] = [
  // http.request and https.request.
  ...['agent', 'auth', 'createConnection', 'defaultPort', 'family', 'hints', 'host', 'hostname', 'insecureHTTPParser'],
  ...['joinDuplicateHeaders', 'localAddress', 'localPort', 'lookup', 'maxHeaderSize', 'method', 'path', 'port'],
  ...['protocol', 'setDefaultHeaders', 'setHost', 'socketPath', 'timeout', 'uniqueHeaders'],
  // net.connect.
  ...['allowHalfOpen', 'autoSelectFamily', 'autoSelectFamilyAttemptTimeout', 'blockList', 'fd', 'highWaterMark'],
  ...['keepAlive', 'keepAliveInitialDelay', 'noDelay', 'onread', 'readable', 'writable'],
  // tls.connect and tls.createSecureContext.
  ...['ALPNProtocols', 'allowPartialTrustChain', 'ca', 'cert', 'checkServerIdentity', 'ciphers', 'clientCertEngine'],
  ...['crl', 'dhparam', 'ecdhCurve', 'enableTrace', 'honorCipherOrder', 'isServer', 'key', 'maxVersion', 'minDHSize'],
  ...['minVersion', 'passphrase', 'pfx', 'privateKeyEngine', 'privateKeyIdentifier', 'pskCallback'],
  ...['rejectUnauthorized', 'requestCert', 'requestOCSP', 'secureContext', 'secureOptions', 'secureProtocol'],
  ...['servername', 'session', 'sessionIdContext', 'sessionTimeout', 'sigalgs', 'ticketKeys'],
];
