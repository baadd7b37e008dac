// The floor below bare node:net: octets are read into one buffer and go back past the stream, which is as much as Node's
// own plumbing allows. It uses what is private to Node, as the library does, without any of its checks.
import { createServer, Socket } from 'node:net';
import { announce } from './announce.mjs';

/** The class of requests to write, which node:net passes to a handle; `null` on a Node whose handles make them. */
function requestClass() {
  let request;
  const keep = (given) => {
    request = given;
    return 0;
  };
  const handle = { writeBuffer: keep, writev: keep, readStart: () => 0, close() {} };
  const probe = new Socket({ handle, manualStart: true });
  probe.on('error', () => {});
  probe.write(Buffer.alloc(1));
  probe.destroy();
  return request === null ? null : request.constructor;
}

const Request = requestClass();
/** A request is used up only by a write that the kernel does not take at once. */
const request = Request && new Request();
const buffer = Buffer.alloc(65_536);
const server = createServer({ noDelay: true, pauseOnConnect: true }, ({ _handle: handle }) => {
  const callback = (length) => {
    handle.writeBuffer(request, buffer.subarray(0, length));
    if (request !== null && request.getAsyncId() >= 0) throw new Error('The load is to read what it sends');
    return true;
  };
  const socket = new Socket({ handle, onread: { buffer, callback } });
  socket.on('error', () => {});
  socket.resume();
});
server.listen(0, () => announce({ port: server.address().port, about: "node:net's handles" }));
