// Traces for OpenTelemetry (npm install @opentelemetry/api @opentelemetry/core @opentelemetry/sdk-trace-base): an echo
// server at /ws that prints a span for each opening handshake, and one for each connection when it ends. In place of
// ConsoleSpanExporter, take that of your collector, with a BatchSpanProcessor.
import { subscribe } from 'node:diagnostics_channel';
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { BasicTracerProvider, ConsoleSpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { serve } from 'wasock';

propagation.setGlobalPropagator(new W3CTraceContextPropagator());
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(new ConsoleSpanExporter())] });
const tracer = provider.getTracer('wasock');

/** Handshakes without an answer, by request. */
const handshakes = new WeakMap();
/** The spans of open sockets. */
const connections = new WeakMap();

function startHandshake(request) {
  const attributes = {
    'http.request.method': request.method,
    'url.path': request.url.split('?')[0],
    'client.address': request.socket.remoteAddress,
  };
  // The trace of a proxy, or of a client that sends `traceparent`, goes on here.
  const caller = propagation.extract(context.active(), request.headers);
  return tracer.startSpan('websocket handshake', { kind: SpanKind.SERVER, attributes }, caller);
}

/** Ends the span of a handshake, if there is still one. */
function endHandshake(request, outcome) {
  const span = handshakes.get(request);
  if (span === undefined) return;
  handshakes.delete(request);
  outcome(span);
  span.end();
}

/**
 * Call it first in `upgrade`, which runs in the turn in which a valid request has come. What the library refuses before
 * that takes no time; its span begins and ends below.
 */
function traceHandshake(request, { signal }) {
  handshakes.set(request, startHandshake(request));
  signal.addEventListener('abort', () => {
    // A refusal aborts it as well, and is told in the same turn. If there is none, the client has left.
    queueMicrotask(() => endHandshake(request, (span) => fail(span, 'The client left before the answer', 'left')));
  });
}

function fail(span, message, type) {
  span.setAttribute('error.type', type);
  span.setStatus({ code: SpanStatusCode.ERROR, message });
}

subscribe('wasock:handshake.refused', ({ request, refusal }) => {
  if (!handshakes.has(request)) handshakes.set(request, startHandshake(request));
  endHandshake(request, (span) => {
    span.setAttribute('http.response.status_code', refusal.status);
    fail(span, refusal.message, refusal.reason);
  });
});

subscribe('wasock:open', ({ socket }) => {
  const handshake = handshakes.get(socket.request);
  // A client of this process, or a socket of another server.
  if (handshake === undefined) return;
  endHandshake(socket.request, (span) => span.setAttribute('http.response.status_code', 101));
  const parent = trace.setSpan(context.active(), handshake);
  connections.set(socket, tracer.startSpan('websocket connection', { kind: SpanKind.SERVER }, parent));
});

subscribe('wasock:error', ({ socket, error }) => {
  // Errors of the server itself have no socket.
  connections.get(socket)?.recordException(error);
});

subscribe('wasock:close', ({ socket, closeCode, reason, wasClean, cause }) => {
  const span = connections.get(socket);
  if (span === undefined) return;
  span.addEvent('close', { closeCode, reason, wasClean });
  if (!wasClean) fail(span, cause?.message ?? 'The connection was lost', cause?.code ?? String(closeCode));
  span.end();
});

const server = await serve({
  port: Number(process.env.PORT ?? 9001),
  path: '/ws',
  upgrade(req, context) {
    traceHandshake(req, context);
    // Your own decision comes here, and may take time.
  },
  message: (ws, data) => void ws.send(data),
});

console.log(`ws://127.0.0.1:${server.port}/ws`);

process.on('SIGINT', async () => {
  await server.close();
  await provider.shutdown();
});
