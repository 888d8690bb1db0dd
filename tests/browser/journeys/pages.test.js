// Every page: in dark, on a phone, without a request off the origin, and with nothing of a secret.

import assert from 'node:assert/strict';
import path from 'node:path';

import { journeys } from '../harness/journey.js';

const journey = journeys();
const pages = ['/', '/blueprints', '/blueprints/overdue-orders', '/runs', '/vault', '/vault/import',
  '/vault/keys/ORDERS_TOKEN', '/triggers', '/api', '/diagnostics', '/tokens'];
const secrets = ['example-orders-9Zk4', 'example-weather-7Qx2', 'example-signing-3Vb8'];
const looks = {
  light: { colorScheme: 'light', viewport: { width: 1280, height: 800 } },
  dark: { colorScheme: 'dark', viewport: { width: 1280, height: 800 } },
  phone: { colorScheme: 'light', viewport: { width: 390, height: 844 } },
};

for (const [look, visit] of Object.entries(looks)) {
  journey(`every page is whole: ${look}`, visit, async ({ site, page, person }) => {
    const answer = await site.fetch('/api/v1/blueprints/overdue-orders/runs?wait=20s', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    const { run } = await answer.json();
    for (const address of [...pages, `/runs/${run}`, `/runs/${run}?block=fetch`]) {
      const response = await page.goto(address);
      assert.equal(response.status(), 200, address);
      assert.match(response.headers()['content-security-policy'], /default-src 'none'/, address);
      assert.match(response.headers()['cache-control'], /no-store/, address);
      const name = (look + address.replace(run, 'run')).replace(/[^a-z0-9]+/gi, '-');
      await person.picture(path.join(import.meta.dirname, `../../../target/browser/${name}.png`));
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 1, `${address} scrolls sideways by ${wide}`);
      assert.equal(await page.locator('h1').count(), 1, `${address} has one heading`);
    }
    for (const secret of secrets) await person.assertNowhere(secret);
  });
}

journey('a trigger is fired by hand, and its next times are told', {}, async ({ page }) => {
  await page.goto('/triggers');
  await page.getByText('0 6 * * *').waitFor();
  await page.getByText('then', { exact: true }).click();
  assert.equal(await page.locator('details.next li').count(), 5);
  await page.getByRole('button', { name: 'Fire city-weather cron-1 now' }).click();
  await page.waitForURL(/\/runs\//);
  await page.locator('#run-state', { hasText: 'succeeded' }).waitFor();
});
