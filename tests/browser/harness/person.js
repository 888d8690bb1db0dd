// Somebody at a browser: a context of its own, watched for everything that must not happen.

import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import path from 'node:path';
import { chromium } from 'playwright-core';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

// Starts a browser whose connections to the site pass its wire.
export function startBrowser(site) {
  const rules = `MAP 127.0.0.1:${site.port} 127.0.0.1:${site.wire.port}`;
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [...FLAGS, `--host-resolver-rules=${rules}`],
  });
}

// Sits somebody down at a browser. `expects` are console errors that belong to the journey.
export async function sitDown(browser, site, { expects = [], ...options } = {}) {
  const context = await browser.newContext({ baseURL: site.origin, ...options });
  const person = new Person(site, context, expects);
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  context.on('console', (message) => {
    if (message.type() !== 'error') return;
    person.fault(`console: ${message.text()} (${message.location().url})`);
  });
  context.on('weberror', (error) => person.fault(`page: ${error.error().message}`));
  context.on('request', (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol !== 'data:' && origin !== site.origin) person.fault(`went to ${request.url()}`);
  });
  context.on('requestfinished', (request) => {
    if (new URL(request.url()).origin === site.origin) person.note(request);
  });
  person.page = await context.newPage();
  return person;
}

class Person {
  constructor(site, context, expects) {
    this.site = site;
    this.context = context;
    this.expects = expects;
    this.faults = [];
    this.answers = [];
  }

  fault(text) {
    if (!this.expects.some((expected) => expected.test(text))) this.faults.push(text);
  }

  // Keeps what was answered, whole. Bodies of redirects and of closed pages are not to be had; the
  // wire has them.
  note(request) {
    const answer = request.response().then(async (response) => {
      const headers = await response.allHeaders();
      const body = await response.text();
      return { url: request.url(), headers, body };
    });
    this.answers.push(answer.catch(() => null));
  }

  // Fails if a text is anywhere a browser, or who looks over its shoulder, could find it.
  async assertNowhere(marker) {
    const answers = (await Promise.all(this.answers)).filter((answer) => answer !== null);
    assert.ok(answers.length > 0, 'nothing was answered');
    assert.ok(this.site.wire.text().includes('HTTP/1.1 200'), 'the wire is not in use');
    for (const { url, headers, body } of answers) {
      for (const form of forms(marker)) {
        assert.ok(!body.includes(form), `in the body of ${url}`);
        assert.ok(!JSON.stringify(headers).includes(form), `in the headers of ${url}`);
        assert.ok(!url.includes(form), `in the address ${url}`);
      }
    }
    for (const form of forms(marker)) {
      assert.ok(!this.site.wire.text().includes(form), 'on the wire');
    }
    for (const page of this.context.pages()) await assertNotInPage(page, marker);
    const kept = JSON.stringify(await this.context.storageState());
    assert.ok(!kept.includes(marker), 'in cookies or storage');
  }

  // Ends the visit; whatever happened that must not have fails here.
  async leave() {
    await this.context.close();
    assert.deepEqual(this.faults, []);
  }

  async picture(file) {
    await fs.mkdir(path.dirname(file), { recursive: true });
    await this.page.screenshot({ path: file, fullPage: true });
  }
}

// Returns a text as it is and in the encodings that it may travel in.
function forms(text) {
  const bytes = Buffer.from(text);
  return [
    text,
    encodeURIComponent(text),
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('base64url').replace(/=+$/, ''),
    bytes.toString('hex'),
  ];
}

async function assertNotInPage(page, marker) {
  const history = await page.context().newCDPSession(page).then(async (session) => {
    const { entries } = await session.send('Page.getNavigationHistory');
    return JSON.stringify(entries);
  });
  assert.ok(!history.includes(marker), 'in a history entry');
  assert.ok(!(await page.content()).includes(marker), 'in the markup');
  const isAnywhere = await page.evaluate((text) => {
    const values = [...document.querySelectorAll('input, textarea, select')].map((it) => it.value);
    const kept = [localStorage, sessionStorage].map((store) => JSON.stringify({ ...store }));
    const state = JSON.stringify(history.state);
    return [...values, ...kept, state, document.cookie, location.href].some((it) => it?.includes(text));
  }, marker);
  assert.ok(!isAnywhere, 'in a field, in storage or in the history state');
}
