// What a journey is: a test with a site and a browser, shared by the journeys of a file.

import { after, before, test } from 'node:test';
import path from 'node:path';

import { sitDown, startBrowser } from './person.js';
import { startSite } from './site.js';

const PATIENCE = 60_000;
const pictures = path.resolve(import.meta.dirname, '../../../target/browser');

// Prepares the journeys of a file: `journey(title, options, walk)` is a test whose `walk` gets the
// site and somebody at a browser.
export function journeys(options = {}) {
  let site;
  let browser;
  before(async () => {
    site = await startSite(options);
    browser = await startBrowser(site);
  }, { timeout: PATIENCE });
  after(async () => {
    await browser?.close();
    await site?.stop();
  });
  return (title, visit, walk) => test(title, { timeout: PATIENCE }, async () => {
    const people = [];
    const another = async (more = {}) => {
      const person = await sitDown(browser, site, { ...visit, ...more });
      person.page.setDefaultTimeout(20_000);
      people.push(person);
      return person;
    };
    const person = await another();
    try {
      await walk({ site, person, page: person.page, another });
    } catch (err) {
      const name = title.replace(/[^a-z0-9]+/gi, '-');
      await person.picture(path.join(pictures, `${name}.png`)).catch(() => {});
      throw new Error(`${title}\n${person.faults.join('\n')}\n${site.server.output}`, { cause: err });
    }
    for (const each of people) await each.leave();
  });
}
