// Who may do what: logging in with a token, scopes, sessions apart, and pages of other sites.

import assert from 'node:assert/strict';

import { journeys } from '../harness/journey.js';

const journey = journeys({ tokens: { boss: 'admin', reader: 'read' } });
const refused = [/status of 40[13]/];

async function logIn(page, token) {
  await page.getByLabel('Token', { exact: true }).fill(token);
  await page.getByRole('button', { name: 'Log in' }).click();
}

journey('a page asks for a token, and then goes on where one wanted to go', { expects: refused },
  async ({ site, page, person }) => {
    await page.goto('/vault?add=SOME_KEY');
    assert.match(page.url(), /\/login\?next=/);
    await logIn(page, `bp_00000000_${'x'.repeat(43)}`);
    await page.getByText('That is no token of this server').waitFor();
    assert.equal(await page.getByLabel('Token', { exact: true }).inputValue(), '');
    await logIn(page, site.tokens.boss);
    await page.getByRole('heading', { name: 'Vault' }).waitFor();
    assert.match(page.url(), /\/vault\?add=SOME_KEY$/);
    const [cookie] = await person.context.cookies();
    assert.ok(cookie.httpOnly && cookie.sameSite === 'Strict' && cookie.path === '/');
    await person.assertNowhere(site.tokens.boss);
    await page.getByRole('button', { name: /log out/i }).click();
    await page.getByLabel('Token', { exact: true }).waitFor();
    await page.goto('/vault');
    assert.match(page.url(), /\/login/);
  });

journey('who may only read sees names, and changes nothing', { expects: refused },
  async ({ site, page, person }) => {
    await page.goto('/vault');
    await logIn(page, site.tokens.reader);
    await page.getByText('ORDERS_TOKEN').first().waitFor();
    assert.equal(await page.getByRole('button', { name: 'Store' }).count(), 0);
    const csrf = await page.locator('input[name=_csrf]').first().inputValue();
    const answer = await person.context.request.post('/vault', {
      form: { _csrf: csrf, name: 'SNEAKED', value: 'example-sneaked-in' },
      headers: { origin: site.origin },
    });
    assert.equal(answer.status(), 403);
    await page.goto('/tokens');
    await page.getByText('this needs the scope `admin`').waitFor();
    await person.assertNowhere('example-orders-9Zk4');
  });

journey('two people have sessions of their own', { expects: refused }, async ({ site, page, another }) => {
  await page.goto('/vault/import');
  await logIn(page, site.tokens.boss);
  await page.getByLabel('Text of the file').fill('MINE=example-only-mine');
  await page.getByRole('button', { name: 'Look at the names' }).click();
  await page.getByText('MINE').waitFor();
  const waiting = await page.locator('form[action^="/vault/import/"]').getAttribute('action');
  const other = await another();
  await other.page.goto('/vault');
  await logIn(other.page, site.tokens.boss);
  await other.page.getByRole('heading', { name: 'Vault' }).waitFor();
  const csrf = await other.page.locator('input[name=_csrf]').first().inputValue();
  assert.notEqual(csrf, await page.locator('input[name=_csrf]').first().inputValue());
  const stolen = await other.context.request.post(waiting, {
    form: { _csrf: csrf, existing: 'keep' },
    headers: { origin: site.origin },
  });
  assert.equal(stolen.status(), 410, 'what one brought is not for the other');
  await other.page.getByRole('button', { name: /log out/i }).click();
  await other.page.getByLabel('Token', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Store' }).click();
  await page.getByText('The pairs are stored').waitFor();
  await other.assertNowhere('example-only-mine');
});

journey('a token is made, shown once, used and revoked', { expects: refused },
  async ({ site, page, person, another }) => {
    await page.goto('/tokens');
    await logIn(page, site.tokens.boss);
    await page.getByLabel('Name', { exact: true }).fill('guest');
    await page.getByRole('checkbox', { name: /read/ }).check();
    await page.getByRole('button', { name: 'Make', exact: true }).click();
    const token = await page.locator('code.token').innerText();
    assert.match(token, /^bp_/);
    const guest = await another();
    await guest.page.goto('/vault');
    await logIn(guest.page, token);
    await guest.page.getByRole('heading', { name: 'Vault' }).waitFor();
    await page.goto('/tokens');
    await page.getByRole('row', { name: /guest/ }).waitFor();
    assert.ok(!(await page.content()).includes(token), 'it is shown once');
    await page.getByRole('button', { name: 'Revoke guest' }).click();
    await page.waitForFunction(() => !document.body.innerText.includes('guest'));
    await guest.page.goto('/vault');
    await guest.page.getByLabel('Token', { exact: true }).waitFor();
    await person.assertNowhere(site.tokens.boss);
  });

journey('a page of another site can send nothing here', { expects: [...refused, /went to/] },
  async ({ site, page, person }) => {
    await page.goto('/vault');
    await logIn(page, site.tokens.boss);
    await page.getByRole('heading', { name: 'Vault' }).waitFor();
    const csrf = await page.locator('input[name=_csrf]').first().inputValue();
    site.peer.page = `<form method="post" action="${site.origin}/vault">
      <input name="_csrf" value="${csrf}"><input name="name" value="FORGED">
      <input name="value" value="example-forged"><button>Win a prize</button></form>`;
    for (const host of ['127.0.0.1', 'localhost']) {
      await page.goto(`http://${host}:${site.peer.port}/page`);
      const answered = page.waitForResponse((response) => response.request().method() === 'POST');
      await page.getByRole('button', { name: 'Win a prize' }).click();
      assert.equal((await answered).status(), 403);
    }
    await page.goto('/vault');
    assert.equal(await page.getByText('FORGED').count(), 0);
    await person.assertNowhere('example-forged');
  });
