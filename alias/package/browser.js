// A function rather than an arrow, so that `new WebSocket(…)` gets to the reason.
module.exports = function WebSocket() {
  throw new Error('ws does not work in the browser. Browser clients must use the native WebSocket object');
};
