// A project without a vault: the page says so, and makes one.

import { journeys } from '../harness/journey.js';

const journey = journeys({ vault: false });

journey('a vault is made by a button, and takes its first pair', {}, async ({ page, person }) => {
  await page.goto('/vault');
  await page.getByText('blueprint vault init').waitFor();
  await page.getByRole('button', { name: 'Make the vault' }).click();
  await page.getByText('The vault is made').waitFor();
  await page.getByLabel('Name', { exact: true }).fill('FIRST');
  await page.getByLabel('Value', { exact: true }).fill('example-very-first');
  await page.getByRole('button', { name: 'Store' }).click();
  await page.getByText('is stored').waitFor();
  await person.assertNowhere('example-very-first');
});
