// Makes the pictures of the README, from a demo project as a new user gets it: `npm run screenshots`.

import fs from 'node:fs/promises';
import path from 'node:path';

import { sitDown, startBrowser } from './harness/person.js';
import { startSite } from './harness/site.js';

const folder = path.resolve(import.meta.dirname, '../../docs/pictures');
const SIZE = { width: 1200, height: 720 };

// The tour of the demo, held at one of its reminders so that it is seen at work.
async function held(site) {
  const file = path.join(site.project, 'blueprints/overdue-orders.yaml');
  const text = await fs.readFile(file, 'utf8');
  return text.replace('  report:\n    type: return_value\n', `  tell:
    type: http_request
    url: http://peer.example/wait/pictures
    next: {success: report}
  report:
    type: return_value
`).replace('next: {success: report, partial: report}', 'next: {success: tell, partial: tell}');
}

const site = await startSite();
await site.write('overdue-orders.yaml', await held(site));
const browser = await startBrowser(site);
await fs.mkdir(folder, { recursive: true });
try {
  for (const colorScheme of ['light', 'dark']) {
    const person = await sitDown(browser, site, { colorScheme, viewport: SIZE });
    const { page } = person;
    const take = (name) => page.screenshot({ path: path.join(folder, `${name}-${colorScheme}.png`) });
    await page.goto('/blueprints/overdue-orders');
    await page.getByRole('button', { name: 'Start run' }).click();
    await page.locator('#views [data-block=tell].s-live').first().waitFor();
    await page.locator('#views a[data-block=fetch]').first().click();
    await page.locator('#panel').getByRole('heading', { name: 'fetch' }).waitFor();
    await take('run');
    await page.goto('/vault');
    await page.getByText('ORDERS_TOKEN').first().waitFor();
    await take('vault');
    await person.leave();
  }
} finally {
  await browser.close();
  await site.stop();
}
