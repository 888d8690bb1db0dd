// The vault: a value goes in once, is used by the next run, and is never seen again.

import assert from 'node:assert/strict';

import { journeys } from '../harness/journey.js';

const send = `
version: 1
name: send
description: Sends a secret to the peer.
secrets:
  PEER_KEY: {hosts: ["http://peer.example"], description: Opens the peer}
blocks:
  ask:
    type: http_request
    url: http://peer.example/echo
    headers: {Authorization: "Bearer @{vault.PEER_KEY}"}
    next: {success: done}
  done: {type: return_value, value: sent}
`;

const journey = journeys({ blueprints: { 'send.yaml': send } });
const refused = [/status of 422/, /status of 409/];
const withoutScripts = { javaScriptEnabled: false };

// Runs the blueprint and returns what the peer got as its key.
async function sent(site) {
  const answer = await site.fetch('/api/v1/blueprints/send/runs?wait=20s', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  assert.equal(answer.status, 200, await answer.text());
  return site.peer.seen.at(-1).headers.authorization;
}

function row(page, name) {
  return page.getByRole('row', { name: new RegExp(name) });
}

async function add(page, name, value) {
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByLabel('Value', { exact: true }).fill(value);
  await page.getByRole('button', { name: 'Store' }).click();
}

for (const [how, visit] of [['', {}], [' without JavaScript', withoutScripts]]) {
  const tail = how ? '_PLAIN' : '';

  journey(`a missing secret is set${how} and the next run sends it`, visit, async ({ site, page, person }) => {
    const marker = `example-first-value${tail}`;
    if (how) await site.command(['vault', 'delete', 'PEER_KEY', '--yes']);
    await page.goto('/vault');
    await row(page, 'PEER_KEY').getByText('missing but used').waitFor();
    await page.getByText('Opens the peer').first().waitFor();
    await page.getByRole('link', { name: 'Set it' }).click();
    assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'PEER_KEY');
    await page.getByLabel('Value', { exact: true }).fill(marker);
    await page.getByRole('button', { name: 'Store' }).click();
    await page.getByText('is stored').waitFor();
    await row(page, 'PEER_KEY').getByText('••••••••').waitFor();
    await row(page, 'PEER_KEY').locator('.s-good').waitFor();
    assert.equal(await page.getByLabel('Value', { exact: true }).inputValue(), '');
    assert.equal(await sent(site), `Bearer ${marker}`);
    await page.reload();
    await row(page, 'PEER_KEY').getByText(/^(just )?now$|\d+ s ago/).first().waitFor();
    await person.assertNowhere(marker);
  });

  journey(`a value is replaced${how} and the run after it sends the new one`, visit, async ({ site, page, person }) => {
    const marker = `example-second-value${tail}`;
    await page.goto('/vault');
    await page.getByRole('link', { name: 'PEER_KEY', exact: true }).click();
    await page.getByText('ask.headers.Authorization: to http://peer.example').waitFor();
    await page.getByLabel('Value', { exact: true }).fill(marker);
    await page.getByRole('button', { name: 'Replace' }).click();
    await page.getByText('has a new value').waitFor();
    assert.equal(await sent(site), `Bearer ${marker}`);
    await page.goBack();
    assert.equal(await page.getByLabel('Value', { exact: true }).inputValue(), '', 'the field is empty again');
    await person.assertNowhere(marker);
  });

  journey(`a .env file is imported${how}, and only its names are looked at`, visit, async ({ site, page, person }) => {
    const markers = [`example-import-one${tail}`, `example-import-two${tail}`];
    await page.goto('/vault');
    await page.getByRole('link', { name: 'Import .env' }).click();
    const text = `IMPORTED${tail}="${markers[0]}"\n# a comment\nPEER_KEY=${markers[1]}\n`;
    await page.getByLabel('Text of the file').fill(text);
    await page.getByRole('button', { name: 'Look at the names' }).click();
    await row(page, `IMPORTED${tail}`).getByText('new').waitFor();
    await row(page, 'PEER_KEY').getByText('there already').waitFor();
    for (const marker of markers) await person.assertNowhere(marker);
    await page.getByLabel('get the value of the file').check();
    await page.getByRole('button', { name: 'Store' }).click();
    await page.getByText('The pairs are stored').waitFor();
    await row(page, `IMPORTED${tail}`).getByText('unused').waitFor();
    assert.equal(await sent(site), `Bearer ${markers[1]}`);
    for (const marker of markers) await person.assertNowhere(marker);
  });

  journey(`a weak value is refused${how}, and the field is empty again`, { ...visit, expects: refused },
    async ({ page, person }) => {
      await page.goto('/vault');
      await add(page, `PIN${tail}`, '98760');
      await page.getByRole('alert').getByText(/BP0\d+/).waitFor();
      assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), `PIN${tail}`);
      assert.equal(await page.getByLabel('Value', { exact: true }).inputValue(), '');
      await person.assertNowhere('98760');
      await page.getByLabel('Store it all the same').check();
      await page.getByLabel('Value', { exact: true }).fill('98760');
      await page.getByRole('button', { name: 'Store' }).click();
      await page.getByText('is stored').waitFor();
      await add(page, `PIN${tail}`, 'example-another-value');
      await page.getByText('the vault has a secret of this name').waitFor();
      await person.assertNowhere('example-another-value');
    });

  journey(`a secret is renamed${how}`, { ...visit, expects: refused }, async ({ page, person }) => {
    await page.goto('/vault');
    await add(page, `OLD_NAME${tail}`, 'example-kept-value');
    await page.getByRole('link', { name: `OLD_NAME${tail}`, exact: true }).click();
    await page.getByLabel('New name').fill('PEER_KEY');
    await page.getByRole('button', { name: 'Rename' }).click();
    await page.getByRole('alert').waitFor();
    await page.getByLabel('New name').fill(`NEW_NAME${tail}`);
    await page.getByRole('button', { name: 'Rename' }).click();
    await page.getByText('has its new name').waitFor();
    await row(page, `NEW_NAME${tail}`).waitFor();
    assert.equal(await row(page, `OLD_NAME${tail}`).count(), 0);
    await person.assertNowhere('example-kept-value');
  });

  journey(`a secret is deleted${how} by typing its name, after seeing what breaks`,
    { ...visit, expects: refused }, async ({ page }) => {
      await page.goto('/vault/keys/PEER_KEY');
      await page.getByText('These break:').waitFor();
      await page.getByText('send: ask.headers').waitFor();
      await page.getByLabel('Type the name').fill('PEER_KEYS');
      await page.getByRole('button', { name: 'Delete' }).click();
      await page.getByText('that is not its name; nothing was deleted').waitFor();
      await page.getByLabel('Type the name').fill('PEER_KEY');
      await page.getByRole('button', { name: 'Delete' }).click();
      await page.getByText('is deleted').waitFor();
      await row(page, 'PEER_KEY').getByText('missing but used').waitFor();
    });
}

journey('where a secret may go is changed', { expects: refused }, async ({ site, page }) => {
  await site.command(['vault', 'set', 'PEER_KEY'], 'example-guarded-value');
  await page.goto('/vault/keys/PEER_KEY');
  await page.getByLabel('Hosts that it may go to').fill('not/a/host');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('is no host').waitFor();
  await page.getByLabel('Hosts that it may go to').fill('other.example');
  await page.getByLabel('Is used until').fill('2099-01-31');
  await page.getByRole('button', { name: 'Save' }).click();
  await row(page, 'PEER_KEY').getByText('other.example').waitFor();
  await row(page, 'PEER_KEY').getByText('until 2099-01-31').waitFor();
  const answer = await site.fetch('/api/v1/blueprints/send/runs?wait=20s', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  assert.equal(answer.status, 422, 'the run may not send it there');
});

journey('a value of several lines keeps its lines', {}, async ({ site, page, person }) => {
  await page.goto('/vault');
  await page.getByRole('link', { name: 'It has several lines' }).click();
  await add(page, 'PEM', 'example-line-one\nexample-line-two\n');
  await page.getByText('is stored').waitFor();
  await person.assertNowhere('example-line-one');
  await person.assertNowhere('example-line-two');
  const { output } = await site.command(['vault', 'list']);
  assert.match(output, /PEM/);
});

journey('a file that is picked is read into the field', {}, async ({ page, person }) => {
  await page.goto('/vault/import');
  const buffer = Buffer.from('PICKED=example-picked-value\n');
  await page.getByLabel('File', { exact: true }).setInputFiles({ name: '.env', mimeType: 'text/plain', buffer });
  await page.getByRole('button', { name: 'Look at the names' }).click();
  await row(page, 'PICKED').getByText('new').waitFor();
  await person.assertNowhere('example-picked-value');
});
