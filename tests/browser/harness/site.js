// A served project: the demo project in a temporary folder, with its mock API and a peer of ours.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { startPeer } from './peer.js';
import { startWire } from './wire.js';

const root = path.resolve(fileURLToPath(import.meta.url), '../../../..');
export const blueprint = process.env.BLUEPRINT ?? path.join(root, 'target/debug/blueprint');
const PATIENCE = 30_000;

// Starts a site. `blueprints` are files of the project by name; `vault: false` takes the vault away;
// `tokens` are names with scopes, whose texts become `site.tokens`; `args` are further arguments of
// `serve`.
export async function startSite({ blueprints = {}, vault = true, tokens = {}, args = [] } = {}) {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'blueprint-journey-'));
  const site = new Site(folder, args);
  await fs.mkdir(site.home);
  site.peer = await startPeer();
  site.mock = await site.spawn(['demo', '--keep', site.project], folder, /mock API is open on/);
  const mocked = `    peer.example: "127.0.0.1:${site.peer.port}"\n`;
  await fs.appendFile(path.join(site.project, 'project.yaml'), mocked);
  for (const [name, text] of Object.entries(blueprints)) await site.write(name, text);
  if (!vault) await fs.rm(path.join(site.project, '.blueprint'), { recursive: true });
  for (const [name, scope] of Object.entries(tokens)) {
    const { output } = await site.command(['token', 'create', name, '--scope', scope]);
    [site.tokens[name]] = /bp_\w{8}_[\w-]{43}/.exec(output) ?? assert.fail(output);
  }
  await site.serve();
  site.wire = await startWire(site.port);
  return site;
}

class Site {
  constructor(folder, args) {
    this.folder = folder;
    this.home = path.join(folder, 'home');
    this.project = path.join(folder, 'project');
    this.args = args;
    this.port = 0;
    this.tokens = {};
    this.children = new Set();
  }

  get origin() {
    return `http://127.0.0.1:${this.port}`;
  }

  // Starts a command and waits until it says what `ready` looks for.
  async spawn(args, cwd, ready) {
    const env = { PATH: process.env.PATH, HOME: this.home };
    const child = spawn(blueprint, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.children.add(child);
    child.output = '';
    await new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`no answer: ${child.output}`)), PATIENCE);
      const hear = (bytes) => {
        child.output += bytes;
        if (!ready.test(child.output)) return;
        clearTimeout(late);
        resolve();
      };
      child.stdout.on('data', hear);
      child.stderr.on('data', hear);
      child.on('error', reject);
      child.on('exit', (code) => {
        clearTimeout(late);
        this.children.delete(child);
        reject(new Error(`${args.join(' ')} ended with ${code}: ${child.output}`));
      });
    });
    return child;
  }

  // Serves, on the same port as before.
  async serve() {
    const listen = ['serve', '--listen', `127.0.0.1:${this.port}`, ...this.args];
    this.server = await this.spawn(listen, this.project, /http:\/\/127\.0\.0\.1:\d+/);
    this.port = Number(/http:\/\/127\.0\.0\.1:(\d+)/.exec(this.server.output)[1]);
  }

  // Ends the server as a power cut would.
  async kill() {
    await ended(this.server, 'SIGKILL');
  }

  // Runs a command in the project and returns what it printed.
  async command(args, input = '') {
    const env = { PATH: process.env.PATH, HOME: this.home };
    const child = spawn(blueprint, args, { cwd: this.project, env });
    let output = '';
    child.stdout.on('data', (bytes) => { output += bytes; });
    child.stderr.on('data', (bytes) => { output += bytes; });
    child.stdin.end(input);
    const code = await new Promise((resolve) => child.on('close', resolve));
    return { code, output };
  }

  async write(name, text) {
    await fs.writeFile(path.join(this.project, 'blueprints', name), text);
  }

  // Asks without a browser.
  fetch(target, options = {}) {
    return fetch(new URL(target, this.origin), { redirect: 'manual', ...options });
  }

  async stop() {
    await Promise.all([...this.children].map((child) => ended(child, 'SIGKILL')));
    await this.wire?.stop();
    await this.peer?.stop();
    await fs.rm(this.folder, { recursive: true, force: true });
  }
}

function ended(child, signal) {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  const gone = new Promise((resolve) => child.once('close', resolve));
  child.kill(signal);
  return gone;
}
