// A file of its own, as monitoring agents look for the class by the name of this file.
module.exports = require('wasock/ws').Receiver;
