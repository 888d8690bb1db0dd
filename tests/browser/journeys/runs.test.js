// Runs: started by a form, watched live, acted on, and explained.

import assert from 'node:assert/strict';

import { approval, flaky, hold } from '../harness/blueprints.js';
import { journeys } from '../harness/journey.js';

const names = ['live', 'stop', 'plain', 'cut', 'killed', 'keys', 'apart'];
const journey = journeys({
  blueprints: {
    'approval.yaml': approval,
    'flaky.yaml': flaky('flaky'),
    'again.yaml': flaky('again'),
    ...Object.fromEntries(names.map((name) => [`${name}.yaml`, hold(name)])),
  },
});
const withoutScripts = { javaScriptEnabled: false };
const broken = [/ERR_/];

// Starts a run by its form and returns its page's address.
async function start(page, name) {
  await page.goto(`/blueprints/${name}`);
  await page.getByRole('button', { name: 'Start run' }).click();
  await page.waitForURL(/\/runs\/[\w-]+/);
  return new URL(page.url()).pathname;
}

const state = (page, word) => page.locator('#run-state', { hasText: word }).waitFor();

journey('a form starts a run that is seen live to its end', {}, async ({ site, page }) => {
  await page.goto('/blueprints/live');
  await page.getByLabel('who').fill('Oslo');
  await page.getByRole('button', { name: 'Start run' }).click();
  await state(page, 'running');
  await page.locator('#views [data-block=begin].s-good').first().waitFor();
  await page.locator('#views [data-block=ask].s-live').first().waitFor();
  site.peer.release('live');
  await state(page, 'succeeded');
  await page.getByText('Hello Oslo').first().waitFor();
});

journey('what does not fit is said beside its field, and what was typed is kept', { expects: [/422/] },
  async ({ page }) => {
    await page.goto('/blueprints/live');
    await page.getByLabel('who').fill('Nairobi');
    await page.getByLabel('times').fill('0');
    await page.locator('form:has(#times), form').last().evaluate((form) => { form.noValidate = true; });
    await page.getByRole('button', { name: 'Start run' }).click();
    await page.getByText('Not started').waitFor();
    assert.equal(await page.getByLabel('who').inputValue(), 'Nairobi');
    assert.equal(await page.getByLabel('times').inputValue(), '0');
  });

journey('a run is cancelled', {}, async ({ page }) => {
  await start(page, 'stop');
  await state(page, 'running');
  await page.getByRole('button', { name: 'Cancel run' }).click();
  await state(page, 'cancelled');
  await page.getByText('Somebody asked the run to stop').waitFor();
});

journey('a failed run is retried once what failed is mended', {}, async ({ site, page }) => {
  const first = await start(page, 'flaky');
  await state(page, 'failed');
  await page.getByRole('alert').getByText('ask').first().waitFor();
  site.peer.release('flaky');
  await page.getByRole('button', { name: 'Retry', exact: true }).click();
  await page.waitForURL((url) => url.pathname !== first && url.pathname.startsWith('/runs/'));
  await state(page, 'succeeded');
});

journey('a run goes on from a block, with what came before it as it was', {}, async ({ site, page }) => {
  const first = await start(page, 'again');
  await state(page, 'failed');
  site.peer.release('again');
  await page.goto(`${first}?block=ask`);
  await page.getByRole('button', { name: 'Run from this block' }).click();
  await page.waitForURL((url) => url.pathname !== first && url.pathname.startsWith('/runs/'));
  await state(page, 'succeeded');
  await page.getByText('42').first().waitFor();
});

journey('a person approves', {}, async ({ page }) => {
  const run = await start(page, 'approval');
  await page.goto(`${run}?block=ask`);
  await page.getByText('May the invoices go out?').first().waitFor();
  await page.getByRole('button', { name: 'Approve' }).first().click();
  await state(page, 'succeeded');
  await page.locator('#panel').getByText('sent').first().waitFor();
});

journey('an address leads to a block, and back leads back', {}, async ({ site, page }) => {
  site.peer.release('live');
  const run = await start(page, 'live');
  await state(page, 'succeeded');
  await page.goto(`${run}?block=ask&view=list`);
  await page.locator('#panel').getByRole('heading', { name: 'ask' }).waitFor();
  await page.locator('#views a[data-block=done]').first().click();
  await page.locator('#panel').getByRole('heading', { name: 'done' }).waitFor();
  assert.match(page.url(), /block=done/);
  await page.goBack();
  await page.locator('#panel').getByRole('heading', { name: 'ask' }).waitFor();
});

journey('a block that did not run says why', {}, async ({ page }) => {
  const run = await start(page, 'hello');
  await state(page, 'succeeded');
  await page.goto(`${run}?block=formally`);
  await page.locator('#panel .why').getByText(/is_formal/).first().waitFor();
  await page.locator('#panel .why').getByText(/skipped|did not/).first().waitFor();
});

journey('a run is started, read and cancelled without JavaScript', withoutScripts, async ({ site, page }) => {
  const run = await start(page, 'plain');
  await page.goto(`${run}?view=list`);
  await state(page, 'running');
  await page.getByRole('link', { name: 'ask' }).first().click();
  await page.locator('#panel').getByRole('heading', { name: 'ask' }).waitFor();
  site.peer.release('plain');
  await page.getByRole('link', { name: 'Runs', exact: true }).first().click();
  await page.getByRole('link', { name: 'plain' }).first().waitFor();
});

journey('the keyboard alone starts a run and reads a block', {}, async ({ site, page }) => {
  site.peer.release('keys');
  await page.goto('/');
  await page.keyboard.press('g');
  await page.keyboard.press('b');
  await page.waitForURL(/\/blueprints$/);
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to content');
  await page.getByRole('link', { name: 'keys', exact: true }).focus();
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/blueprints\/keys/);
  await page.getByLabel('who').focus();
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/runs\//);
  await state(page, 'succeeded');
  await page.locator('#views a[data-block=ask]').first().focus();
  await page.keyboard.press('Enter');
  await page.locator('#panel').getByRole('heading', { name: 'ask' }).waitFor();
});

journey('a stream that breaks is told, and catches up', { expects: broken }, async ({ site, page }) => {
  await start(page, 'cut');
  await page.locator('#views [data-block=ask].s-live').first().waitFor();
  site.wire.cut();
  await page.getByText('The connection is lost').waitFor();
  site.peer.release('cut');
  site.wire.mend();
  await state(page, 'succeeded');
});

journey('a server that is killed and served again goes on with its runs', { expects: broken },
  async ({ site, page }) => {
    await start(page, 'killed');
    await page.locator('#views [data-block=ask].s-live').first().waitFor();
    await site.kill();
    await page.getByText('The connection is lost').waitFor();
    site.peer.release('killed');
    await site.serve();
    await state(page, 'succeeded');
  });

journey('two people who look at two runs each see their own', {}, async ({ site, page, another }) => {
  const other = await another();
  await start(page, 'apart');
  site.peer.release('live');
  await start(other.page, 'live');
  await state(other.page, 'succeeded');
  await state(page, 'running');
  site.peer.release('apart');
  await state(page, 'succeeded');
});

journey('a broken file is told, and the version before stays in force', {}, async ({ site, page }) => {
  site.peer.release('live');
  await site.write('live.yaml', hold('live').replace('next: ask', 'next: aks'));
  await poll(page, '/diagnostics', 'BP0301');
  await page.getByText('did you mean').first().waitFor();
  await page.getByText('the version before is in force').waitFor();
  await page.getByRole('link', { name: 'live', exact: true }).first().click();
  await page.getByText('aks').first().waitFor();
  await start(page, 'live');
  await state(page, 'succeeded');
  await site.write('live.yaml', hold('live'));
});

// Loads a page until it holds a text: files are looked at several times a second.
async function poll(page, address, text) {
  for (let left = 40; left > 0; left -= 1) {
    await page.goto(address);
    if (await page.getByText(text).count()) return;
  }
  assert.fail(`${address} does not say ${text}`);
}
