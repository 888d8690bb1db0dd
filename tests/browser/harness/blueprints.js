// Blueprints of the journeys. They call the peer, which answers when a journey says so.

// Waits at the peer for `name`, then returns it.
export const hold = (name) => `
version: 1
name: ${name}
description: Waits for the peer.
inputs:
  who: {type: string, default: world, description: Who is greeted}
  times: {type: integer, default: 1, minimum: 1}
blocks:
  begin: {type: log_message, message: Begin, next: ask}
  ask:
    type: http_request
    url: http://peer.example/wait/${name}
    timeout: 60s
    next: {success: done}
  done: {type: return_value, value: "Hello @{inputs.who}"}
`;

// Fails until the peer releases `name`.
export const flaky = (name) => `
version: 1
name: ${name}
description: Fails until the peer is well.
blocks:
  prepare: {type: code, code: "40 + 2", next: ask}
  ask:
    type: http_request
    url: http://peer.example/fail/${name}
    next: {success: done}
  done: {type: return_value, value: "@{results.prepare}"}
`;

// Asks a person.
export const approval = `
version: 1
name: approval
description: Asks a person before it goes on.
blocks:
  ask:
    type: approval
    message: May the invoices go out?
    next: {approved: sent, rejected: kept}
  sent: {type: return_value, value: sent}
  kept: {type: return_value, value: kept}
`;
